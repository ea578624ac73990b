/**
 * The aggregator's two steps of a round: writing the next row, and closing the open one.
 *
 * Everything a row says is a function of what is committed, except the share of a budget, which is read
 * from the clock once, when the row is written.
 */
import { scaleFor } from "./aggregate.ts";
import type { StoredRow } from "./aggregator_state.ts";
import { advance, planRow, type Position, type RowTiming } from "./budget.ts";
import { removeIfThere, renameDurable } from "./files.ts";
import { foldFiles } from "./fold_files.ts";
import { abandonAt, closingTime } from "./pace.ts";
import type { Plan, Scores } from "./protocol.ts";
import type { Run } from "./run.ts";
import { type ScoredModel, select, type Selection } from "./selection.ts";

/** Commits the next row and returns it, or null when the run has to close. */
export function openRow(run: Run): StoredRow | null {
  const plan = run.plan!;
  const previous = run.rows.at(-1);
  const now = run.now();
  const before = positionsAfter(run, plan);
  const scores = run.state.scores();
  const planned = planRow({
    round: run.rounds + 1,
    rounds: plan.rounds,
    clock: plan.budget === null ? null : {
      budget: plan.budget,
      elapsed: previous === undefined ? 0 : now - run.rows[0].opened,
      closing: closingSeconds(run),
    },
    batch: plan.recipe.batch,
    localEpochs: plan.localEpochs,
    silos: Object.fromEntries(
      Object.entries(plan.roster).map(([silo, { train }]) => [
        silo,
        { ...before[silo], train, stepsPerSecond: run.joined.get(silo)!.stepsPerSecond },
      ]),
    ),
    p0: previous?.row.p1 ?? 0,
    timings: timingsOf(run, scores, now),
  });
  if (planned === null) return null;
  for (const text of planned.warnings) run.onEvent({ type: "warning", text });
  const { silos, p0, p1, last, share, after } = planned;
  const total = Object.values(plan.roster).reduce((sum, { train }) => sum + train, 0);
  const stored: StoredRow = {
    row: {
      version: 1,
      run: run.id,
      round: run.rounds + 1,
      base: run.models.get(run.rounds)!,
      roster: Object.keys(plan.roster),
      silos,
      p0,
      p1,
      scale: scaleFor(total),
      last,
    },
    extra: { share, before, after },
    opened: now,
  };
  run.state.commitRow(stored);
  run.rows.push(stored);
  return stored;
}

/** Folds the counted updates of the open row into the next model and commits it. */
export async function closeRow(run: Run, stored: StoredRow): Promise<void> {
  const { row } = stored;
  const started = run.now();
  await run.faultPoint("before_fold");
  const updates = row.roster.map((silo) => {
    const { examples, sha256 } = run.state.receipt(row.round, silo)!;
    return { path: run.state.stagedPath(row.round, silo).whole, examples, sha256 };
  });
  const path = run.state.modelPath(row.round);
  const { sha256 } = await foldFiles(updates, {
    base: run.state.modelPath(row.round - 1),
    layout: run.layout,
    scale: row.scale,
    out: `${path}.partial`,
    onStretch: () => run.faultPoint("folding"),
  });
  run.onEvent({ type: "folded", round: row.round, sha256, seconds: run.now() - started });
  await run.faultPoint("folded");
  await renameDurable(`${path}.partial`, path);
  await run.faultPoint("renamed");
  run.state.commitModel(row.round, sha256, { now: run.now(), bytes: run.bytes });
  run.models.set(row.round, sha256);
  run.onEvent({ type: "committed", round: row.round, sha256, seconds: run.now() - stored.opened });
  await run.faultPoint("committed");
  for (const { path } of updates) await removeIfThere(path);
  await prune(run, row.roster);
}

/** Every model that somebody scored, with the scores. */
export function scoredModels(run: Run): ScoredModel[] {
  return [...run.state.scores()].map(([round, scores]) => ({ round: round - 1, scores }));
}

/** The best model so far. */
export function selectNow(run: Run): Selection {
  const roster = run.rows.at(-1)?.row.roster ?? Object.keys(run.plan?.roster ?? {});
  return select(scoredModels(run), { roster, last: run.rounds });
}

/** Wall-clock second at which an open row is given up for lack of updates. `opened`: its (re-)opening. */
export function timeoutAt(run: Run, opened: number): number {
  const { roundTimeout } = run.proposal;
  if (roundTimeout !== null) return opened + roundTimeout;
  const walls = timingsOf(run, run.state.scores(), opened).slice(0, run.rounds).map(({ wall }) => wall).sort((
    a,
    b,
  ) => a - b);
  if (walls.length === 0) return opened + 3600;
  return opened + Math.max(600, 3 * walls[walls.length >> 1]);
}

/** Wall-clock second at which an open row is abandoned so that the run ends within its budget. */
export function abandonTime(run: Run): number {
  const { budget } = run.proposal;
  if (budget === null || run.rows.length === 0) return Infinity;
  return run.rows[0].opened + abandonAt({ budget, closing: closingSeconds(run) });
}

/** Expected length of the closing phase from the silos' last turns, seconds. */
export function closingSeconds(run: Run): number {
  const latest = run.state.scores().get(run.rounds) ?? {};
  const turns = Object.keys(run.plan!.roster).map((silo) => {
    const { splits, stepsPerSecond } = run.joined.get(silo)!;
    const seconds = latest[silo]?.seconds;
    return {
      val: splits.val.images,
      test: splits.test.images,
      score: seconds?.score ?? null,
      pull: seconds?.pull ?? null,
      stepsPerSecond,
    };
  });
  return closingTime(turns, { batch: run.proposal.recipe.batch });
}

/** Where every silo stands after the rows that are done. */
function positionsAfter(run: Run, plan: Plan): Record<string, Position> {
  const previous = run.rows.at(-1);
  if (previous === undefined) {
    return Object.fromEntries(Object.keys(plan.roster).map((silo) => [silo, { step: 0, carry: 0 }]));
  }
  const { row: { round, roster }, extra: { before, after } } = previous;
  return advance(before, after, roster.filter((silo) => run.state.receipt(round, silo) !== null));
}

function timingsOf(run: Run, scores: Map<number, Record<string, Scores>>, now: number): RowTiming[] {
  return run.rows.map(({ row, extra, opened }, index) => {
    const trained = Object.values(scores.get(row.round) ?? {}).map((s) => s.seconds?.train ?? null);
    const known = trained.filter((seconds) => seconds !== null);
    return {
      share: extra.share,
      wall: (run.rows[index + 1]?.opened ?? now) - opened,
      train: known.length === 0 ? null : Math.max(...known),
    };
  });
}

/** Keeps the start, the best and the last model; the others will not be asked for again. */
async function prune(run: Run, roster: string[]): Promise<void> {
  const best = select(scoredModels(run), { roster, last: run.rounds }).round;
  for (const round of run.models.keys()) {
    if (round !== 0 && round !== best && round !== run.rounds) {
      await removeIfThere(run.state.modelPath(round));
    }
  }
}
