/** Runs in which silos come late, are late or go away; time passes when the test says so. */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { abandonAt } from "../../../src/fed/maths/row_share.ts";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import type { AggregatorResult } from "../../../src/fed/training/result.ts";
import { withFederation } from "../../testing/fake_federation.ts";
import { SteppedRun } from "../../testing/stepped_run.ts";

const gone = () => new Error("gone");
const failure = (error: Error) => error;

Deno.test("without one who never joins: the model of the others alone, bit for bit; degraded, named first", async () => {
  let alone: AggregatorResult | undefined;
  await withFederation(async (dir) => {
    const run = new SteppedRun(dir, { rounds: 3, proposal: { silos: ["a", "b"], quorum: 2 } });
    [alone] = await Promise.all([run.hub(), run.silo("a"), run.silo("b")]);
  });
  await withFederation(async (dir) => {
    const run = new SteppedRun(dir, { rounds: 3, proposal: { quorum: 2, joinTimeout: 600 } });
    const roles = [run.hub(), run.silo("a"), run.silo("b")] as const;
    for (const silo of "ab") await run.when("joined", (event) => event.silo === silo);
    run.clock.pass(600);
    const [result] = await Promise.all(roles);
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
    const run = new SteppedRun(dir, { rounds: 4, proposal: { quorum: 2, joinTimeout: 600 } });
    // a takes its second turn once c is there.
    const onFault = run.turnAfter(2, "joined", ({ silo }) => silo === "c");
    const roles = [run.hub(), run.silo("a", { onFault }), run.silo("b")] as const;
    for (const silo of "ab") await run.when("joined", (event) => event.silo === silo);
    run.clock.pass(600);
    await run.when("committed");
    const [late, [result, a]] = await Promise.all([run.silo("c"), Promise.all(roles)]);
    const first = run.of("row").map(({ row }) => row).find(({ roster }) => roster.includes("c"))!;
    assertEquals([first.round, first.silos.c.from], [3, 0]);
    assertEquals([run.of("plan").length, run.of("plan")[0].plan.roster], [1, ["a", "b"]]);
    assertEquals([result.degraded, result.missing], [true, { c: [1, 2] }]);
    assertEquals([a.degraded, a.missing], [true, { c: [1, 2] }]);
    assertEquals(late.rounds, 2);
    assertEquals([late.missing, late.own.start], [{ c: [1, 2] }, null]);
    assertEquals(late.own.start_reason, "this hospital came after round 1 and was never shown it");
    assertEquals(Object.keys(result.test.silos), ["a", "b", "c"]);
    assertEquals(late.sha256, result.sha256);
  }));

Deno.test("a late update counts no more: the row closes at its timeout, the silo goes on and keeps its place", () =>
  withFederation(async (dir) => {
    const run = new SteppedRun(dir, { rounds: 3, proposal: { quorum: 2, roundTimeout: 600 } });
    // From its second turn on c trains until its round is over.
    const roles = [run.hub(), run.silo("a"), run.silo("b"), run.silo("c", { stuckFrom: 3 })] as const;
    for (const round of [2, 3]) {
      await run.counted(round, "ab");
      run.clock.pass(600);
    }
    const [result, a, , stuck] = await Promise.all(roles);
    assertEquals([result.degraded, result.missing], [true, { c: [2, 3] }]);
    // a was there all along, and saw c in every row's roster.
    assertEquals([a.degraded, a.missing], [true, { c: [2, 3] }]);
    assertEquals(run.of("late").map(({ silo, round }) => [silo, round]), [["c", 2], ["c", 3]]);
    const passes = run.of("row").map(({ row: { silos } }) => [silos.a.from, silos.c.from]);
    assertEquals(passes, [[0, 0], [1, 1], [2, 1]]);
    assertEquals(result.images.trained, (3 + 3 + 1) * 96);
    assertEquals([stuck.rounds, stuck.sha256], [1, result.sha256]);
    assertEquals(stuck.missing, { c: [2, 3] });
  }));

Deno.test("a lost one is waited for no longer, drops out of later rows and enters one once it is heard", () =>
  withFederation(async (dir) => {
    const run = new SteppedRun(dir, { rounds: 4, proposal: { quorum: 2 } });
    const leave = new AbortController();
    const a = run.silo("a", { onFault: run.turnAfter(3, "returned") });
    const roles = [run.hub(), a, run.silo("b")] as const;
    const c = run.silo("c", { signal: leave.signal }).catch(failure);
    await run.when("committed");
    leave.abort(gone());
    await c;
    await run.lose("c");
    await run.when("row", ({ row }) => row.round === 3);
    const [back, [result]] = await Promise.all([run.silo("c"), Promise.all(roles)]);
    assertEquals(run.of("lost").map(({ silo, reason }) => [silo, reason]), [["c", "silent for 60 s"]]);
    assertEquals(run.of("returned").map(({ silo }) => silo), ["c"]);
    const rosters = run.of("row").map(({ row }) => row.roster.join(""));
    assertEquals(rosters, ["abc", "abc", "ab", "abc"]);
    // The row that was open when it left counts as missed as well.
    assertEquals(result.missing, { c: [2, 3] });
    assertEquals([back.sha256, back.missing], [result.sha256, { c: [2, 3] }]);
  }));

Deno.test("below the quorum the same row opens again: what counted stays counted, and one that is back ends it", () =>
  withFederation(async (dir) => {
    const proposal = { quorum: 2, roundTimeout: 600, joinTimeout: 6000 };
    const run = new SteppedRun(dir, { rounds: 2, proposal });
    const leave = new AbortController();
    const roles = [run.hub(), run.silo("a")] as const;
    const others = ["b", "c"].map((role) =>
      run.silo(role, { signal: leave.signal, stuckFrom: 3 }).catch(failure)
    );
    await run.counted(2, "a");
    leave.abort(gone());
    await Promise.all(others);
    run.clock.pass(600);
    await run.when("reopened");
    assertEquals(run.of("reopened")[0].missing, ["b", "c"]);
    await run.lose("c");
    const [[result]] = await Promise.all([Promise.all(roles), run.silo("b")]);
    assertEquals(result.missing, { c: [2, 3] });
    assertEquals(run.of("row").map(({ row }) => row.round), [1, 2]);
    const counted = run.of("update_counted").filter(({ round }) => round === 2).map(({ silo }) => silo);
    assertEquals(counted, ["a", "b"]);
  }));

Deno.test("below the quorum until the join timeout: the run fails, names the absent and keeps the best model", () =>
  withFederation(async (dir) => {
    const run = new SteppedRun(dir, {
      rounds: 3,
      proposal: { quorum: 2, roundTimeout: 300, joinTimeout: 1000 },
    });
    const leave = new AbortController();
    const hub = run.hub().catch(failure);
    const a = assertRejects(() => run.silo("a"), ProtocolError);
    const others = ["b", "c"].map((role) =>
      run.silo(role, { signal: leave.signal, stuckFrom: 3 }).catch(failure)
    );
    await run.counted(2, "a");
    leave.abort(gone());
    await Promise.all(others);
    for (const count of [1, 2]) {
      run.clock.pass(300);
      await run.when("reopened", () => run.of("reopened").length === count);
    }
    run.clock.pass(1000);
    const error = await hub as ProtocolError;
    assertEquals(error.code, "round_timeout");
    assertStringIncludes(error.message, "2 of a, b, c in round 2, got none from b, c");
    assert((await Deno.stat(`${dir}/state-aggregator/model.safetensors`)).size > 0);
    assertEquals((await a).code, "run_failed");
  }));

Deno.test("one lost in the closing phase is left out: of the models those count that all of the last row scored", () =>
  withFederation(async (dir) => {
    const run = new SteppedRun(dir, { rounds: 2, proposal: { quorum: 2 } });
    const leave = new AbortController();
    const roles = [run.hub(), run.silo("a"), run.silo("b")] as const;
    const c = run.silo("c", { signal: leave.signal }).catch(failure);
    await run.counted(2, "c");
    leave.abort(gone());
    await c;
    await run.lose("c");
    const [result] = await Promise.all(roles);
    assertEquals([result.degraded, result.missing], [true, { c: [3] }]);
    assert(result.selection.round < 2, `round ${result.selection.round}`);
    assertEquals(Object.keys(result.test.silos), ["a", "b"]);
  }));

Deno.test("a budget ends a row that has a quorum by closing it, not by abandoning it", () =>
  withFederation(async (dir) => {
    const budget = 600;
    const run = new SteppedRun(dir, { proposal: { rounds: null, budget, roundTimeout: null, quorum: 2 } });
    const roles = [run.hub(), run.silo("a"), run.silo("b"), run.silo("c", { stuckFrom: 3 })] as const;
    await run.counted(2, "ab");
    run.clock.pass(abandonAt({ budget, closing: 0 }));
    const [result] = await Promise.all(roles);
    assertEquals(result.abandoned, undefined);
    assertEquals([result.rounds, result.missing], [2, { c: [2] }]);
    assert(result.seconds <= budget, `${result.seconds} s`);
  }));

Deno.test("a restarted aggregator leaves out whom the last row left out, and takes it in again when it comes", () =>
  withFederation(async (dir) => {
    const run = new SteppedRun(dir, { rounds: 6, proposal: { quorum: 2 } });
    const leave = new AbortController();
    const stop = new AbortController();
    const hub = run.hub({ signal: stop.signal }).catch(failure);
    const others = [run.silo("a", { onFault: run.turnAfter(5, "returned") }), run.silo("b")];
    const c = run.silo("c", { signal: leave.signal }).catch(failure);
    await run.when("committed");
    leave.abort(gone());
    await c;
    await run.lose("c");
    await run.when("row", ({ row }) => row.round === 3);
    stop.abort(gone());
    await hub;
    const again = run.hub();
    await run.when("row", ({ row }) => row.round === 5);
    const [result] = await Promise.all([again, run.silo("c"), ...others]);
    const rosters = new Map(run.of("row").map(({ row }) => [row.round, row.roster.join("")]));
    assertEquals([...rosters.values()], ["abc", "abc", "ab", "ab", "ab", "abc"]);
    assertEquals(result.degraded, true);
  }));
