/** Runs under a budget of ten minutes, which pass when the test says so: never before those who are there have answered. */
import { assert, assertEquals } from "@std/assert";
import { abandonAt, leaveOutAt } from "../../../src/fed/maths/row_share.ts";
import { runFederation, withFederation } from "../../testing/fake_federation.ts";
import { MinuteClock } from "../../testing/still_clock.ts";
import { SteppedRun } from "../../testing/stepped_run.ts";

const BUDGET = 600;
const failure = (error: Error) => error.message;

Deno.test("runAggregator with a budget writes rows that follow on each other and has the model on disk in time", () =>
  withFederation(async (dir) => {
    const spec = { dir, proposal: { rounds: null, budget: BUDGET } };
    const { result, events } = await runFederation(spec, {}, { clock: new MinuteClock() });
    const rows = events.flatMap((event) => event.type === "row" ? [event.row] : []);
    assert(rows.length >= 2, `${rows.length} rows`);
    assertEquals(rows[0].p0, 0);
    for (const [index, row] of rows.slice(1).entries()) assertEquals(row.p0, rows[index].p1);
    assertEquals(rows.map((row) => row.last), rows.map((row) => row.p1 === 1));
    assert(result.seconds > BUDGET / 2 && result.seconds <= BUDGET, `${result.seconds} s`);
  }));

Deno.test("a row still open at the budget's end is abandoned: none of its updates count, the run closes", () =>
  withFederation(async (dir) => {
    const run = new SteppedRun(dir, { proposal: { rounds: null, budget: BUDGET, roundTimeout: null } });
    const roles = [run.silo("a", { stuckFrom: 3 }), run.silo("b"), run.silo("c")];
    const hub = run.hub();
    await run.counted(2, "bc");
    run.clock.pass(abandonAt({ budget: BUDGET, closing: 0 }));
    const [result, ...silos] = await Promise.all([hub, ...roles]);
    assertEquals([result.rounds, result.abandoned], [1, 2]);
    assertEquals(result.history.length, result.rounds + 1);
    assert(result.seconds <= BUDGET, `${result.seconds} s`);
    for (const silo of silos) assertEquals([silo.sha256, silo.rounds], [result.sha256, result.rounds]);
  }));

/** A run of two rounds after which silo a goes, and when the others alone have scored; nobody is silent for too long. */
function leftByA(dir: string): { run: SteppedRun; left: Promise<unknown[]> } {
  const run = new SteppedRun(dir, { rounds: 2, silence: 10 * BUDGET, proposal: { budget: BUDGET } });
  const gone = new AbortController();
  const a = run.silo("a", { signal: gone.signal }).catch(failure);
  run.when("committed", ({ round }) => round === 2).then(() => gone.abort(new Error("gone")));
  const left = Promise.all([
    a,
    run.when("session", ({ silo, open }) => silo === "a" && !open),
    ...["b", "c"].map((name) =>
      run.when("scored", ({ silo, scores }) => silo === name && scores.round === 3)
    ),
  ]);
  return { run, left };
}

Deno.test("a silo lost in the closing phase is left out at the budget's end: degraded, named, no failure", () =>
  withFederation(async (dir) => {
    const { run, left } = leftByA(dir);
    const [hub, ...others] = [run.hub(), run.silo("b"), run.silo("c")] as const;
    assertEquals((await left)[0], "gone");
    run.clock.pass(leaveOutAt({ budget: BUDGET }));
    for (const name of ["b", "c"]) await run.when("tested", ({ silo }) => silo === name);
    await run.passUntil("finished");
    // It comes back while the finished run is served, and gets the model.
    const [{ degraded, missing, test, seconds, sha256 }, late] = await Promise.all([
      hub,
      run.silo("a"),
      ...others,
    ]);
    assertEquals([degraded, missing, Object.keys(test.silos)], [true, { a: [3] }, ["b", "c"]]);
    assert(seconds >= 0.9 * BUDGET && seconds <= BUDGET, `${seconds} s`);
    assertEquals(late.sha256, sha256);
  }));

Deno.test("an aggregator restarted after the selection waits for no more val scores of a lost silo", () =>
  withFederation(async (dir) => {
    const { run, left } = leftByA(dir);
    const stop = new AbortController();
    const hub = run.hub({ signal: stop.signal }).catch(failure);
    const others = [run.silo("b"), run.silo("c")];
    const tested = ["b", "c"].map((name) => run.when("tested", ({ silo }) => silo === name));
    assertEquals((await left)[0], "gone");
    const selected = run.when("selected").then(() => stop.abort(new Error("stopped")));
    run.clock.pass(leaveOutAt({ budget: BUDGET }));
    await selected;
    assertEquals(await hub, "stopped");
    run.events.length = 0;
    const again = run.hub();
    await Promise.all(tested);
    await run.passUntil("finished");
    await run.silo("a");
    const { degraded, missing } = await again;
    await Promise.all(others);
    const lost = run.of("lost").map(({ reason }) => reason);
    assertEquals([degraded, missing, lost], [true, { a: [3] }, ["no test scores by the budget's end"]]);
  }));
