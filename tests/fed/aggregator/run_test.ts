import { assertEquals, assertThrows } from "@std/assert";
import { planOf } from "../../../src/fed/aggregator/join.ts";
import { AggregatorState } from "../../../src/fed/aggregator/state.ts";
import { courseOf } from "../../../src/fed/aggregator/timing.ts";
import { resultOf } from "../../../src/fed/aggregator/summary.ts";
import type { Scores } from "../../../src/fed/protocol/messages.ts";
import { inFolder } from "../../testing/folder.ts";
import { type Bench, openBench, registration, withRound } from "../../testing/open_round.ts";

const FULL = "database or disk is full";

/** Has every write of the run fail until disposed of, as on a full disk. */
function fullDisk({ state: { folder: { db } } }: Bench): Disposable {
  const { prepare } = db;
  db.prepare = () => {
    throw new Error(FULL);
  };
  return { [Symbol.dispose]: () => void (db.prepare = prepare) };
}

/** What silos and programs can learn of a run. */
const seen = ({ run, state, events }: Bench) =>
  JSON.stringify([
    run.view(),
    [...state.joined.keys()],
    state.rows,
    [...state.models],
    [...state.scores],
    [...state.counted(state.rounds + 1).keys()],
    events,
  ]);

function assertUnseen(bench: Bench, steps: Record<string, () => void>): void {
  for (const [name, step] of Object.entries(steps)) {
    const before = seen(bench);
    {
      using _disk = fullDisk(bench);
      assertThrows(step, Error, FULL, name);
    }
    assertEquals(seen(bench), before, name);
  }
}

const sha256 = "0".repeat(64);

Deno.test("nobody sees a registration or a plan that is not on disk", () =>
  inFolder(async (dir) => {
    using state = await AggregatorState.open(dir);
    const bench = await openBench(state, dir);
    const { run } = bench;
    assertUnseen(bench, { join: () => run.join(registration("a")) });
    assertUnseen(bench, { decline: () => run.decline("a", "too_few_images") });
    assertEquals(run.away.declined, {});
    for (const silo of run.proposal.silos) run.join(registration(silo));
    const plan = planOf(run.proposal, state.joined.values());
    assertUnseen(bench, { freeze: () => run.freeze(plan), forget: () => run.forget("a") });
    run.freeze(plan);
    assertEquals(run.view().plan, plan);
  }));

Deno.test("nobody sees an update, a score, a closed round or an end of a run that is not on disk", () =>
  withRound((bench) => {
    const { run, state } = bench;
    const stored = state.current!;
    const selection = { round: 0, auroc: null, reason: "the only one" };
    const scores: Scores = {
      run: run.id,
      round: 1,
      auroc: 0.8,
      se: 0.04,
      loss: 1,
      positives: 48,
      negatives: 48,
    };
    assertUnseen(bench, {
      count: () => run.count({ run: run.id, round: 1, silo: "a", sha256, examples: 96 }),
      score: () => run.score("a", scores),
      close: () => run.close(stored, { sha256, held: [0, 1] }),
      beginClosing: () => run.beginClosing(),
      select: () => run.select(selection, 0),
      finish: () => run.finish(resultOf(run, { selection, seconds: 0, unscored: [], file_sha256: "" })),
    });
    run.close(stored, { sha256, held: [0, 1] });
    const next = { row: { ...stored.row, round: 2 }, opened: 2 };
    assertUnseen(bench, { open: () => run.open(next, courseOf(run, next)) });
    run.open(next, courseOf(run, next));
    assertEquals(run.view().row, next.row);
    return Promise.resolve();
  }));
