/** Runs that their operator goes on with without a hospital, as `--without` says. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import { readRecording } from "../../../src/fed/aggregator/replay.ts";
import { freePort } from "../../testing/free_port.ts";
import { killAt, Killed, runRole, withFederation } from "../../testing/fake_federation.ts";
import { SteppedRun } from "../../testing/stepped_run.ts";

const gone = () => new Error("gone");
const failure = (error: Error) => error;

/** A run of a, b and c in whose second round b is gone and the others have counted; its aggregator was stopped. */
async function withoutB(run: SteppedRun) {
  const leave = new AbortController(), stop = new AbortController();
  const hub = run.hub({ signal: stop.signal }).catch(failure);
  const others = [run.silo("a"), run.silo("c")];
  const b = run.silo("b", { signal: leave.signal, stuckFrom: 3 }).catch(failure);
  await run.counted(2, "ac");
  leave.abort(gone());
  await b;
  stop.abort(gone());
  await hub;
  return others;
}

Deno.test("--without closes the open row, goes on without the silo, says so in the result, and a replay does the same", () =>
  withFederation(async (dir) => {
    const run = new SteppedRun(dir, { rounds: 4 });
    const others = await withoutB(run);
    // Restarted once more, without the flag, in the middle of what follows: it stays so.
    const stop = new AbortController();
    const first = run.hub({ without: ["b"], signal: stop.signal }).catch(failure);
    await run.when("committed", ({ round }) => round === 2);
    const back = run.silo("b");
    const refused = await assertRejects(() => back, ProtocolError);
    assertEquals(refused.code, "left_out");
    assertStringIncludes(refused.message, "the run goes on without this silo: expected one of a, c, got b");
    stop.abort(gone());
    await first;
    const [result, a] = await Promise.all([run.hub(), ...others]);
    assertEquals([result.degraded, result.missing], [true, { b: [2, 3, 4, 5] }]);
    assertEquals(Object.keys(result.test.silos), ["a", "c"]);
    assertEquals(a.sha256, result.sha256);
    const rosters = new Map(run.of("row").map(({ row }) => [row.round, row.roster.join("")]));
    assertEquals([...rosters], [[1, "abc"], [2, "abc"], [3, "ac"], [4, "ac"]]);
    assertEquals(run.of("late"), []);

    const replay = `${dir}/state-aggregator`;
    const { recording } = await readRecording(replay, { into: `${dir}/other` });
    assertEquals(recording.without, { b: 2 });
    const spec = { dir, port: freePort(), rounds: 4, replay, suffix: "-again" };
    const leftOut = assertRejects(() => runRole({ ...spec, role: "b" }), ProtocolError);
    const [again] = await Promise.all(["aggregator", "a", "c"].map((role) => runRole({ ...spec, role })));
    assertEquals((await leftOut).code, "left_out");
    const { sha256, last_sha256, missing } = again as typeof result;
    assertEquals([sha256, last_sha256, missing], [result.sha256, result.last_sha256, result.missing]);
  }));

Deno.test("--without waits until all others have counted, below the quorum that was proposed", () =>
  withFederation(async (dir) => {
    const run = new SteppedRun(dir, { rounds: 2 });
    const leave = new AbortController(), stop = new AbortController();
    const hub = run.hub({ signal: stop.signal }).catch(failure);
    const a = run.silo("a");
    const others = ["b", "c"].map((role) =>
      run.silo(role, { signal: leave.signal, stuckFrom: 3 }).catch(failure)
    );
    await run.counted(2, "a");
    leave.abort(gone());
    await Promise.all(others);
    stop.abort(gone());
    await hub;
    const again = run.hub({ without: ["b"] });
    await run.when("row", ({ row }) => row.round === 2 && run.of("row").length === 3);
    assertEquals(run.of("degraded"), []);
    const [result] = await Promise.all([again, a, run.silo("c")]);
    assertEquals(result.missing, { b: [2, 3] });
  }));

Deno.test("--without in the closing phase selects and tests without the silo, as where one is lost there", () =>
  withFederation(async (dir) => {
    const run = new SteppedRun(dir, { rounds: 1 });
    const stop = new AbortController();
    const hub = run.hub({ signal: stop.signal }).catch(failure);
    const others = [run.silo("a"), run.silo("c")];
    const b = assertRejects(() => run.silo("b", { onFault: killAt("scoring", 2) }), Killed);
    await run.when("closing");
    await b;
    stop.abort(gone());
    await hub;
    const [result] = await Promise.all([run.hub({ without: ["b"] }), ...others]);
    assertEquals([result.degraded, result.missing], [true, { b: [2] }]);
    // Of the models those count that all of the last row scored, as where one is lost here.
    assertEquals([result.selection.round, Object.keys(result.test.silos)], [0, ["a", "c"]]);
  }));

Deno.test("--without refuses a run that has not begun, silos that never joined, and leaving fewer than two", () =>
  withFederation(async (dir) => {
    const run = new SteppedRun(dir, { rounds: 4 });
    const refused = async (without: string[], text: string) => {
      const error = await assertRejects(() => run.hub({ without }), ProtocolError);
      assertEquals(error.code, "cannot_leave_out");
      assertStringIncludes(error.message, text);
    };
    await refused(["b"], "expected a run that has begun, its first round open, got one that has not");
    const others = await withoutB(run);
    await refused(["b", "x"], "expected silos that have joined: a, b, c, got x");
    await refused(["b", "c"], "expected at least 2 silos to go on with, got a");
    await refused(["a", "b", "c"], "expected at least 2 silos to go on with, got none");
    const [result] = await Promise.all([run.hub({ without: ["b", "b"] }), ...others]);
    assertEquals(result.missing, { b: [2, 3, 4, 5] });
    // What is finished is finished, with the flag or without it.
    assertEquals(await run.hub({ without: ["b"] }), result);
    assertEquals(run.of("warning").at(-1)?.text, "--without changes nothing: the run has finished");
  }));
