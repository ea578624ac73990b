import { assertEquals } from "@std/assert";
import { closeRound, selectNow } from "../../../src/fed/aggregator/close_round.ts";
import { openRound } from "../../../src/fed/aggregator/open_round.ts";
import type { Run } from "../../../src/fed/aggregator/run.ts";
import { startVector, TINY } from "../../testing/fake_trainer.ts";
import { type Bench, count, frames, lose, update, withRound } from "../../testing/open_round.ts";

/** Takes a silo's scores of the open round, which are those of the model before it. */
function scored(run: Run, silo: string, auroc: number): void {
  const { round } = run.state.current!.row;
  run.score(silo, { run: run.id, round, auroc, se: 0.04, loss: 0.5, positives: 48, negatives: 48 });
}

const models = async ({ dir }: Bench) =>
  (await Array.fromAsync(Deno.readDir(`${dir}/models`), ({ name }) => name)).toSorted();

Deno.test("closeRound below the full roster: the mean of those who counted, who alone move on", () =>
  withRound(async (bench) => {
    const { run, events } = bench;
    await count(bench, "a", 0.25);
    await count(bench, "b", 0.5);
    await closeRound(run, run.state.current!);
    const got = new Float32Array((await Deno.readFile(run.state.modelPath(1))).buffer);
    assertEquals(got, startVector(TINY).map((x) => x + 0.375));
    assertEquals(events.filter(({ type }) => type === "late" || type === "degraded"), [
      { type: "late", silo: "c", round: 1, state: "waiting", step: 0, steps: 0 },
      { type: "degraded", round: 1, missing: ["c"] },
    ]);
    const { row } = openRound(run)!;
    assertEquals(row.silos, { a: { from: 1, to: 2 }, b: { from: 1, to: 2 }, c: { from: 0, to: 1 } });
  }, { quorum: 2 }));

Deno.test("closeRound takes no update once it has begun to fold", () =>
  withRound(async (bench) => {
    const { run, send, hook } = bench;
    for (const silo of ["a", "b"]) await count(bench, silo, 0.25);
    const { start, bytes } = update(run);
    await send("c", "POST", "/v1/rounds/1/update", start);
    const answers: string[] = [];
    hook.at = async (name) => {
      if (name !== "before_fold") return;
      answers.push((await send("c", "PUT", "/v1/rounds/1/update?offset=0", frames(bytes, 0))).json.code);
      answers.push((await send("c", "POST", "/v1/rounds/1/update", start)).json.code);
    };
    await closeRound(run, run.state.current!);
    assertEquals(answers, ["round_closed", "round_closed"]);
    assertEquals(run.state.counted(1).has("c"), false);
    assertEquals(await Array.fromAsync(Deno.readDir(`${bench.dir}/staged`)), []);
  }, { quorum: 2 }));

Deno.test("a lost silo keeps its place while rows are without it", () =>
  withRound(async (bench) => {
    const { run } = bench;
    for (const silo of ["a", "b", "c"]) await count(bench, silo, 0.25);
    await closeRound(run, run.state.current!);
    lose(bench, "c");
    assertEquals(openRound(run)!.row.roster, ["a", "b"]);
    for (const silo of ["a", "b"]) await count(bench, silo, 0.25);
    await closeRound(run, run.state.current!);
    run.attendance.noteHeard("c");
    const { silos } = openRound(run)!.row;
    assertEquals(silos, { a: { from: 2, to: 3 }, b: { from: 2, to: 3 }, c: { from: 1, to: 2 } });
  }, { quorum: 2 }));

Deno.test("the best model of every roster so far is kept, and chosen again when that roster is back", () =>
  withRound(async (bench) => {
    const { run } = bench;
    const round = async (aurocs: Record<string, number>, others: () => void = () => {}) => {
      for (const [silo, auroc] of Object.entries(aurocs)) {
        scored(run, silo, auroc);
        await count(bench, silo, 0.01);
      }
      await closeRound(run, run.state.current!);
      others();
      openRound(run);
    };
    await round({ a: 0.5, b: 0.5, c: 0.5 });
    // Model 1 is the best for all three.
    await round({ a: 0.9, b: 0.9, c: 0.9 }, () => lose(bench, "c"));
    await round({ a: 0.7, b: 0.7 });
    // Model 3 is the best for a and b, though worse than 1; then c is back.
    await round({ a: 0.8, b: 0.8 });
    assertEquals(selectNow(run).round, 1);
    await round({ a: 0.95, b: 0.95 }, () => run.attendance.noteHeard("c"));
    assertEquals(run.state.current!.row.roster, ["a", "b", "c"]);
    assertEquals(selectNow(run).round, 1);
    assertEquals(await models(bench), ["0.f32", "1.f32", "4.f32", "5.f32"]);
    lose(bench, "c");
    await round({ a: 0.6, b: 0.6 });
    assertEquals([run.roster, selectNow(run).round], [["a", "b"], 4]);
  }, { quorum: 2, rounds: 9 }));
