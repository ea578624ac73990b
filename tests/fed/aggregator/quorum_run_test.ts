import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { FedEvent } from "../../../src/fed/protocol/event.ts";
import type { AggregatorResult, SiloResult } from "../../../src/fed/training/result.ts";
import { freePort } from "../../testing/free_port.ts";
import { type RoleSpec, runRole, withFederation } from "../../testing/fake_federation.ts";

type EventOf<T extends FedEvent["type"]> = Extract<FedEvent, { type: T }>;

/** A run whose roles the test starts and stops one by one. */
class Federation {
  readonly spec: Omit<RoleSpec, "role">;
  readonly events: FedEvent[] = [];
  readonly #watches: (() => void)[] = [];

  constructor(dir: string, changes: Partial<RoleSpec>) {
    this.spec = { dir, port: freePort(), ...changes };
  }

  hub(options: { signal?: AbortSignal } = {}): Promise<AggregatorResult> {
    const onEvent = (event: FedEvent) => {
      this.events.push(event);
      for (const look of [...this.#watches]) look();
    };
    return runRole({ ...this.spec, role: "aggregator" }, { ...options, onEvent }) as Promise<
      AggregatorResult
    >;
  }

  silo(role: string, options: Partial<RoleSpec> & { signal?: AbortSignal } = {}): Promise<SiloResult> {
    const { signal, ...changes } = options;
    return runRole({ ...this.spec, ...changes, role }, { signal }) as Promise<SiloResult>;
  }

  of<T extends FedEvent["type"]>(type: T): EventOf<T>[] {
    return this.events.filter((event): event is EventOf<T> => event.type === type);
  }

  /** Resolves once the aggregator has told something. */
  async when<T extends FedEvent["type"]>(type: T, where: (event: EventOf<T>) => boolean = () => true) {
    await new Promise<void>((resolve) => {
      const look = () => this.of(type).some(where) && resolve();
      this.#watches.push(look);
      look();
    });
  }
}

const gone = () => new Error("gone");
const failure = (error: Error) => error;

Deno.test("without one who never joins: the model of the others alone, bit for bit; degraded, named first", async () => {
  let alone: AggregatorResult | undefined;
  await withFederation(async (dir) => {
    const run = new Federation(dir, { rounds: 3, proposal: { silos: ["a", "b"], quorum: 2 } });
    [alone] = await Promise.all([run.hub(), run.silo("a"), run.silo("b")]);
  });
  await withFederation(async (dir) => {
    const run = new Federation(dir, { rounds: 3, proposal: { quorum: 2, joinTimeout: 4 } });
    const [result] = await Promise.all([run.hub(), run.silo("a"), run.silo("b")]);
    assertEquals([result.sha256, result.last_sha256], [alone!.sha256, alone!.last_sha256]);
    assertEquals(Object.entries(result).slice(0, 2), [["degraded", true], ["missing", { c: [1, 2, 3, 4] }]]);
    assertEquals(run.of("plan")[0].plan.roster, ["a", "b"]);
    assertEquals(run.of("degraded").map(({ round, missing }) => [round, missing.join()]), [
      [1, "c"],
      [2, "c"],
      [3, "c"],
    ]);
  });
});

Deno.test("one that comes after the plan uses it unchanged and enters the next row at its own first step", () =>
  withFederation(async (dir) => {
    const run = new Federation(dir, { rounds: 6, proposal: { quorum: 2, joinTimeout: 4 } });
    const hub = run.hub();
    const early = ["a", "b"].map((role) => run.silo(role, { delay: 0.2 }));
    await run.when("committed");
    const [result, late] = await Promise.all([hub, run.silo("c"), ...early]);
    const rows = run.of("row").map(({ row }) => row);
    const first = rows.find(({ roster }) => roster.includes("c"))!;
    assert(first.round > 1, `round ${first.round}`);
    assertEquals(first.silos.c.from, 0);
    assertEquals([run.of("plan").length, run.of("plan")[0].plan.roster], [1, ["a", "b"]]);
    const missed = Array.from({ length: first.round - 1 }, (_, k) => k + 1);
    assertEquals([result.degraded, result.missing], [true, { c: missed }]);
    assertEquals(late.rounds, 6 - missed.length);
    assertEquals(Object.keys(result.test.silos), ["a", "b", "c"]);
    assertEquals(late.sha256, result.sha256);
  }));

Deno.test("a late update counts no more: the row closes at its timeout, the silo goes on and keeps its place", () =>
  withFederation(async (dir) => {
    const run = new Federation(dir, { rounds: 3, proposal: { quorum: 2, roundTimeout: 4 } });
    // From its second turn on c trains until its round is over.
    const c = run.silo("c", { stuckFrom: 3 });
    const [result, , , stuck] = await Promise.all([run.hub(), run.silo("a"), run.silo("b"), c]);
    assertEquals([result.degraded, result.missing], [true, { c: [2, 3] }]);
    assertEquals(run.of("late").map(({ silo, round }) => [silo, round]), [["c", 2], ["c", 3]]);
    const passes = run.of("row").map(({ row: { silos } }) => [silos.a.from, silos.c.from]);
    assertEquals(passes, [[0, 0], [1, 1], [2, 1]]);
    assertEquals(result.images.trained, (3 + 3 + 1) * 96);
    assertEquals([stuck.rounds, stuck.sha256], [1, result.sha256]);
  }));

Deno.test("a lost one is waited for no longer, drops out of later rows and enters one once it is heard", () =>
  withFederation(async (dir) => {
    const run = new Federation(dir, { rounds: 12, silence: 2, proposal: { quorum: 2 } });
    const leave = new AbortController();
    const hub = run.hub();
    const others = ["a", "b"].map((role) => run.silo(role, { delay: 0.15 }));
    const c = run.silo("c", { signal: leave.signal }).catch(failure);
    await run.when("committed");
    leave.abort(gone());
    await run.when("row", ({ row }) => !row.roster.includes("c"));
    const [result, back] = await Promise.all([hub, run.silo("c"), ...others, c]);
    assertEquals(run.of("lost").map(({ silo, reason }) => [silo, reason]), [["c", "silent for 2 s"]]);
    assertEquals(run.of("returned").map(({ silo }) => silo), ["c"]);
    const without = run.of("row").filter(({ row }) => !row.roster.includes("c")).map(({ row }) => row.round);
    const with_ = run.of("row").at(-1)!.row.roster;
    assertEquals(with_, ["a", "b", "c"]);
    // The row that was open when it left counts as missed as well.
    assertEquals(result.missing, { c: [without[0] - 1, ...without] });
    assertEquals(back.sha256, result.sha256);
  }));

Deno.test("below the quorum the same row opens again: what counted stays counted, and one that is back ends it", () =>
  withFederation(async (dir) => {
    const proposal = { quorum: 2, roundTimeout: 4, joinTimeout: 60 };
    const run = new Federation(dir, { rounds: 2, silence: 2, proposal });
    const leave = new AbortController();
    const hub = run.hub();
    const a = run.silo("a");
    const others = ["b", "c"].map((role) =>
      run.silo(role, { signal: leave.signal, stuckFrom: 3 }).catch(failure)
    );
    await run.when("update_counted", ({ silo, round }) => silo === "a" && round === 2);
    leave.abort(gone());
    await Promise.all(others);
    await run.when("reopened");
    assertEquals(run.of("reopened")[0].missing, ["b", "c"]);
    await run.when("lost", ({ silo }) => silo === "c");
    const [result] = await Promise.all([hub, a, run.silo("b")]);
    assertEquals(result.missing, { c: [2, 3] });
    assertEquals(run.of("row").map(({ row }) => row.round), [1, 2]);
    const counted = run.of("update_counted").filter(({ round }) => round === 2).map(({ silo }) => silo);
    assertEquals(counted, ["a", "b"]);
  }));

Deno.test("below the quorum until the join timeout: the run fails, names the absent and keeps the best model", () =>
  withFederation(async (dir) => {
    const run = new Federation(dir, { rounds: 3, proposal: { quorum: 2, roundTimeout: 3, joinTimeout: 10 } });
    const leave = new AbortController();
    const hub = run.hub().catch(failure);
    const a = run.silo("a").catch(failure);
    const others = ["b", "c"].map((role) =>
      run.silo(role, { signal: leave.signal, stuckFrom: 3 }).catch(failure)
    );
    await run.when("update_counted", ({ silo, round }) => silo === "a" && round === 2);
    leave.abort(gone());
    const error = await hub as Error & { code: string };
    assertEquals(error.code, "round_timeout");
    assertStringIncludes(error.message, "2 of a, b, c in round 2, got none from b, c");
    assert((await Deno.stat(`${dir}/state-aggregator/model.safetensors`)).size > 0);
    assertEquals((await a as unknown as { code: string }).code, "run_failed");
    await Promise.all(others);
    assert(run.of("reopened").length >= 2);
  }));

Deno.test("one lost in the closing phase is left out: of the models those count that all of the last row scored", () =>
  withFederation(async (dir) => {
    const run = new Federation(dir, { rounds: 2, silence: 1.5, proposal: { quorum: 2 } });
    const leave = new AbortController();
    const hub = run.hub();
    const others = ["a", "b"].map((role) => run.silo(role));
    const c = run.silo("c", { signal: leave.signal }).catch(failure);
    await run.when("update_counted", ({ silo, round }) => silo === "c" && round === 2);
    leave.abort(gone());
    const [result] = await Promise.all([hub, ...others, c]);
    assertEquals([result.degraded, result.missing], [true, { c: [3] }]);
    assert(result.selection.round < 2, `round ${result.selection.round}`);
    assertEquals(Object.keys(result.test.silos), ["a", "b"]);
  }));

Deno.test("a budget ends a row that has a quorum by closing it, not by abandoning it", () =>
  withFederation(async (dir) => {
    const budget = 12;
    const run = new Federation(dir, { proposal: { rounds: null, budget, quorum: 2 } });
    const silos = [run.silo("a"), run.silo("b"), run.silo("c", { stuckFrom: 6 })];
    const [result] = await Promise.all([run.hub(), ...silos]);
    assertEquals(result.abandoned, undefined);
    assertEquals(result.missing, { c: [result.rounds] });
    // On a busy machine closing takes longer; the row's own time-out would come after an hour.
    assert(result.seconds <= 5 * budget, `${result.seconds} s`);
  }));

Deno.test("a restarted aggregator leaves out whom the last row left out, and takes it in again when it comes", () =>
  withFederation(async (dir) => {
    const run = new Federation(dir, { rounds: 14, silence: 2, proposal: { quorum: 2 } });
    const leave = new AbortController();
    const stop = new AbortController();
    const hub = run.hub({ signal: stop.signal }).catch(failure);
    const others = ["a", "b"].map((role) => run.silo(role, { delay: 0.15 }));
    const c = run.silo("c", { signal: leave.signal }).catch(failure);
    await run.when("committed");
    leave.abort(gone());
    await run.when("row", ({ row }) => !row.roster.includes("c"));
    stop.abort(gone());
    await hub;
    const before = run.of("committed").at(-1)!.round;
    const again = run.hub();
    await run.when("committed", ({ round }) => round >= before + 2);
    const [result] = await Promise.all([again, run.silo("c"), ...others, c]);
    const rows = run.of("row").map(({ row }) => row);
    assert(rows.filter(({ round }) => round === before + 2).every(({ roster }) => !roster.includes("c")));
    assertEquals(rows.at(-1)!.roster, ["a", "b", "c"]);
    assertEquals(result.degraded, true);
  }));
