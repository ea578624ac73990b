/**
 * The kill campaign: real processes, wire and state, the full network's vector with an injected trainer, SIGKILL at
 * named points and from outside. Every run ends with the digests of the undisturbed one, and no update counts twice.
 */
import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { AggregatorResult, SiloResult } from "../../src/fed/training/result.ts";
import { receiptsOf, type RoleSpec, withFederation } from "../testing/fake_federation.ts";
import { freePort } from "../testing/free_port.ts";
import { at, type Kill, Mortal } from "../testing/killed.ts";

const ROUNDS = 6;

interface Plan {
  kills?: Record<string, Kill[]>;
  /** Hears of each row; may kill roles from outside. */
  onRow?: (round: number, roles: Record<string, Mortal<unknown>>) => void;
}

/** Runs a federation of processes; returns the aggregator's result, who died where, and the receipts of its state. */
async function federate({ kills = {}, onRow }: Plan) {
  let outcome!: { result: AggregatorResult; killed: string[]; receipts: string[]; counted: string[] };
  await withFederation(async (dir) => {
    const spec: Omit<RoleSpec, "role"> = {
      dir,
      port: freePort(),
      rounds: ROUNDS,
      full: true,
      proposal: { roundTimeout: 600 },
    };
    const roles: Record<string, Mortal<unknown>> = {};
    for (const role of ["aggregator", "a", "b", "c"]) {
      const hear = role === "aggregator" && onRow ? (round: number) => onRow(round, roles) : undefined;
      roles[role] = new Mortal({ ...spec, role }, { kills: kills[role] ?? [], onRow: hear });
    }
    const results = await Promise.all(Object.values(roles).map(({ result }) => result));
    const [result, ...silos] = results as [AggregatorResult, ...SiloResult[]];
    for (const { sha256 } of silos) assertEquals(sha256, result.sha256);
    const receipts = receiptsOf(`${dir}/state-aggregator`);
    const killed = Object.entries(roles).flatMap(([role, { killed }]) =>
      killed.map((point) => `${role} ${point}`)
    );
    outcome = { result, killed, receipts, counted: (roles.aggregator as Mortal<unknown>).counted };
  });
  return outcome;
}

let undisturbed: ReturnType<typeof federate> | undefined;
const quiet = () => undisturbed ??= federate({});

/** The digests and the counted updates are those of the undisturbed run, and none was counted twice. */
async function assertUndisturbed({ result, receipts, counted }: Awaited<ReturnType<typeof federate>>) {
  const plain = await quiet();
  assertEquals([result.sha256, result.last_sha256], [plain.result.sha256, plain.result.last_sha256]);
  assertNotEquals(result.last_sha256, result.init.sha256);
  assertEquals(result.degraded, false);
  assertEquals(receipts.length, 3 * ROUNDS);
  assertEquals(receipts, plain.receipts);
  assertEquals(new Set(counted).size, counted.length, "an update was counted twice");
}

const twice = (...points: (string | [string, number])[]) =>
  [...points, ...points].map((point) => typeof point === "string" ? at(point) : at(...point));

Deno.test("12 SIGKILLs of the aggregator, two at each step from receiving to closing", async () => {
  const points = twice(["receiving", 20], "before_fold", ["folding", 5], "renamed", "committed").concat(
    twice("closing"),
  );
  const run = await federate({ kills: { aggregator: points } });
  assertEquals(run.killed, points.map(({ point }) => `aggregator ${point}`));
  await assertUndisturbed(run);
});

Deno.test("12 SIGKILLs of silos, two at each step from pull to the last frame and at scoring", async () => {
  const kills = {
    a: twice("pulled", "training"),
    b: twice("update_written", ["uploading", 2]),
    c: twice("uploaded", ["scoring", 2]),
  };
  const run = await federate({ kills });
  const points = Object.entries(kills).flatMap(([silo, list]) => list.map(({ point }) => `${silo} ${point}`));
  assertEquals(run.killed.toSorted(), points.toSorted());
  await assertUndisturbed(run);
});

Deno.test("aggregator and silo killed at once, twice, and each once more during its recovery", async () => {
  const struck = new Set<number>();
  const run = await federate({
    kills: { aggregator: [at("never"), at("event:resumed")], b: [at("never"), at("event:connected")] },
    onRow(round, { aggregator, b, c }) {
      if (struck.has(round)) return;
      struck.add(round);
      if (round === 2) { for (const role of [aggregator, b]) role.kill(); }
      if (round === 4) { for (const role of [aggregator, c]) role.kill(); }
    },
  });
  const wanted = ["aggregator outside", "aggregator event:resumed", "b outside", "b event:connected"];
  assertEquals(
    run.killed.toSorted(),
    [...wanted, "aggregator outside", "c outside"].toSorted(),
  );
  assert(struck.has(ROUNDS));
  await assertUndisturbed(run);
});
