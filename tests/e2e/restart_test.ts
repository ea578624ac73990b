/** A run of real processes that nothing disturbs, and one in another order whose roles are killed: the same hashes. */
import { assert, assertEquals, assertMatch, assertNotEquals, assertStringIncludes } from "@std/assert";
import { readEvents } from "../../src/cli/output/history.ts";
import type { FedEvent } from "../../src/fed/protocol/event.ts";
import { fileFolder } from "../testing/folder.ts";
import { assertRefused, run as runProgram } from "../testing/program.ts";
import { Federation, type FederationOptions, hashes, type Results } from "./federation.ts";
import { makeHospitals, SILOS } from "../testing/hospitals.ts";

const dir = await fileFolder();
let made: Promise<void> | undefined;
const hospitals = () => made ??= makeHospitals(dir);

/** A run on hospitals that are made once. */
async function federation(options: Omit<FederationOptions, "dir">): Promise<Federation> {
  await hospitals();
  return new Federation({ dir, ...options });
}

let undisturbed: Promise<{ run: Federation; results: Results }> | undefined;
const quiet = () =>
  undisturbed ??= federation({ name: "plain" }).then(async (run) => ({ run, results: await run.run() }));
const plain = async () => (await quiet()).results;

let disturbed: Promise<{ run: Federation; results: Results }> | undefined;
/** The same run in another order, slowly, with a silo and the aggregator killed on the way. */
const killed = () =>
  disturbed ??= federation({
    name: "killed",
    order: ["c", "b", "hub", "a"],
    faults: { a: ["delay:40"], b: ["kill:training:2"], hub: ["kill:receiving:2", "kill:committed:1"] },
  }).then(async (run) => ({ run, results: await run.run() }));

/** What a role told in each of its lives, which begin with its certificate. */
async function livesOf(role: string): Promise<FedEvent[][]> {
  const { run } = await killed();
  const lives: FedEvent[][] = [];
  for (const event of await readEvents(`${run.state(role)}/events.jsonl`)) {
    if (event.type === "certificate") lives.push([]);
    lives.at(-1)!.push(event);
  }
  return lives;
}

const roundsOf = (life: FedEvent[]) => life.flatMap((event) => event.type === "row" ? [event.row.round] : []);

Deno.test("aggregate and train: an undisturbed run trains, nobody is missing, and all have one model", async () => {
  const { hub, ...silos } = await plain();
  assertEquals([hub.rounds, hub.degraded, hub.missing], [2, false, {}]);
  assertNotEquals(hub.last_sha256, (hub.init as { sha256: string }).sha256);
  assertEquals(Object.values(silos).map(({ sha256 }) => sha256), SILOS.map(() => hub.sha256));
});

Deno.test("aggregate and train each leave a report in their state folder and print its path, killed or not", async () => {
  const runs = { plain: await plain(), killed: (await killed()).results };
  for (const [name, ended] of Object.entries(runs)) {
    for (const [role, { report }] of Object.entries(ended)) {
      assertEquals(report, `${dir}/${name}/${role}/report.html`);
      const page = await Deno.readTextFile(report as string);
      assertStringIncludes(page, role === "hub" ? "One model of 3 hospitals" : `hospital ${role}`);
    }
  }
});

Deno.test("train tells a hospital what the start model was worth on its films, and the hub hears nothing of it", async () => {
  const { hub, ...silos } = await plain();
  for (const { own, of, sha256 } of Object.values(silos) as Record<string, Record<string, unknown>>[]) {
    const { start, start_reason, roc } = own;
    assertEquals([start_reason, roc], [undefined, undefined]);
    const { images } = start as { images: number };
    assertEquals([images, typeof of.init, typeof sha256], [20, "object", "string"]);
  }
  assertEquals(Object.keys(hub).filter((key) => ["own", "threshold", "start"].includes(key)), []);
});

Deno.test("aggregate and train on that finished run say since when, print its result again, and refuse another shard", async () => {
  const { run, results } = await quiet();
  const [hub, a] = await Promise.all([
    runProgram(run.args("hub"), { cwd: dir }),
    runProgram(run.args("a"), { cwd: dir }),
  ]);
  // Not beside them: whoever opens a state sweeps away what seems to be left half written there, a's report too.
  const other = await runProgram(run.args("a").map((word) => word === "shard-a" ? "shard-b" : word), {
    cwd: dir,
  });
  assertEquals([hub, a].map(({ code }) => code), [0, 0]);
  assertEquals([hub, a].map(({ stdout }) => JSON.parse(stdout)), [results.hub, results.a]);
  const said = /finished at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC; --new begins another/;
  assertMatch(
    hub.stderr,
    new RegExp(`${said.source}, --new --init .*/plain/hub/last.safetensors one from its last`),
  );
  assertMatch(a.stderr, said);
  assertRefused(
    other,
    /^Cannot use the state of a finished run for another: expected the shard of .*--new\)$/,
    2,
  );
});

Deno.test("other start order, other speed, a silo and the aggregator killed twice: the same hashes", async () => {
  const { run, results } = await killed();
  assertEquals(hashes(results), hashes(await plain()));
  const ends = run.fallen.map(({ role, finished: { signal } }) => `${role} ${signal}`);
  assertEquals(ends.sort(), ["b SIGKILL", "hub SIGKILL", "hub SIGKILL"]);
});

Deno.test("audit verify: the logs of both runs' roles are whole and agree, killed or not", async () => {
  for (const { run } of [await quiet(), await killed()]) {
    const states = ["hub", ...SILOS].map((role) => run.state(role));
    const { code, stdout } = await runProgram(["audit", "verify", ...states, "--ca", "ca/ca.pem", "--json"], {
      cwd: dir,
    });
    const { faults, identities_proven, logs } = JSON.parse(stdout);
    assertEquals([code, faults, identities_proven], [0, [], true]);
    for (const { path, held, not_covered } of logs) assert(held > not_covered, path);
  }
});

Deno.test("that silo was killed in training", async () => {
  const [life] = await livesOf("b");
  const last = life.findLast((event) => event.type === "training" || event.type === "update_written");
  assert(last?.type === "training" && last.round === 2, `the silo died after ${last?.type}`);
});

Deno.test("that aggregator was killed first while it received, then after a commit", async () => {
  const [receiving, committed, last] = await livesOf("hub");
  const count = (type: FedEvent["type"]) => receiving.filter((event) => event.type === type).length;
  assert(count("upload_started") > count("uploaded"), "no upload was under way");
  const [round] = roundsOf(receiving).slice(-1);
  assert(!committed.some((event) => event.type === "row" && event.row.round > round));
  assertEquals(roundsOf(last)[0], round + 1);
});
