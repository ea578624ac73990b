/**
 * The aggregator's two steps of a round: writing the next row, and closing the open one.
 *
 * Everything a row says is a function of what is committed, except the share of a budget, which is read
 * from the clock once, when the row is written.
 */
import { scaleFor } from "../maths/exact_sum.ts";
import type { StoredRow } from "./state.ts";
import { planRow, type RowTiming } from "../maths/budget.ts";
import { removeIfThere } from "../../files/exists.ts";
import { renameDurably } from "../../files/durable.ts";
import { foldFiles } from "./fold_files.ts";
import { abandonAt, closingTime, recentMedian } from "../maths/pace.ts";
import type { RoundSettings, Scores } from "../protocol/messages.ts";
import { recordedRow, type Recording } from "./replay.ts";
import type { Run } from "./run.ts";
import { type ScoredModel, select, type Selection } from "../maths/selection.ts";

/** Commits the next row and returns it, or null when the run has to close. */
export function openRow(run: Run): StoredRow | null {
  const stored = run.recording === null ? nextRow(run) : repeatedRow(run, run.recording);
  if (stored === null) return null;
  run.state.commitRow(stored);
  run.rows.push(stored);
  return stored;
}

/** The row as it was recorded; times and positions are not looked at in a replay. */
function repeatedRow(run: Run, recording: Recording): StoredRow | null {
  const round = run.rounds + 1;
  const found = recordedRow(recording, { run: run.id, round, base: run.models.get(run.rounds)! });
  if (found === null) return null;
  if (!found.same) {
    const text = `round ${round} began from another model when it was recorded: the runs differ from here on`;
    run.onEvent({ type: "warning", text });
  }
  return { row: found.row, opened: run.now() };
}

function nextRow(run: Run): StoredRow | null {
  const plan = run.plan!;
  const previous = run.rows.at(-1);
  const now = run.now();
  const roster = run.attendance.roster();
  const scores = run.state.scores();
  const planned = planRow({
    round: run.rounds + 1,
    rounds: plan.rounds,
    clock: run.budget === null ? null : {
      budget: run.budget,
      elapsed: previous === undefined ? 0 : now - run.rows[0].opened,
      closing: closingSeconds(run),
    },
    batch: plan.recipe.batch,
    localEpochs: plan.localEpochs,
    silos: Object.fromEntries(
      roster.map((silo) => {
        const { stepsPerSecond } = run.joined.get(silo)!;
        return [silo, { from: passesOf(run, silo), train: run.examples(silo), stepsPerSecond }];
      }),
    ),
    p0: previous?.row.p1 ?? 0,
    timings: timingsOf(run, scores, now),
  });
  if (planned === null) return null;
  for (const text of planned.warnings) run.onEvent({ type: "warning", text });
  const { silos, p0, p1, last } = planned;
  const total = roster.reduce((sum, silo) => sum + run.examples(silo), 0);
  return {
    row: {
      version: 2,
      run: run.id,
      round: run.rounds + 1,
      base: run.models.get(run.rounds)!,
      roster,
      silos,
      p0,
      p1,
      scale: scaleFor(total),
      last,
    },
    opened: now,
  };
}

/**
 * Folds the counted updates of the open row into the next model and commits it. What comes from now on is late; a row
 * that a kill opens again takes it after all, since nobody has heard of the fold.
 */
export async function closeRow(run: Run, stored: StoredRow): Promise<void> {
  const { row } = stored;
  const started = run.now();
  run.folding = row.round;
  const updates = row.roster.flatMap((silo) => {
    const receipt = run.state.receipt(row.round, silo);
    if (receipt === null) return [];
    const { examples, sha256 } = receipt;
    const what = `the update of ${silo} in round ${row.round}`;
    return [{ path: run.state.stagedPath(row.round, silo).whole, examples, sha256, what }];
  });
  await run.faultPoint("before_fold");
  const path = run.state.modelPath(row.round);
  const { sha256 } = await foldFiles(updates, {
    base: {
      path: run.state.modelPath(row.round - 1),
      sha256: row.base,
      what: `the model of round ${row.round - 1}`,
    },
    layout: run.layout,
    scale: row.scale,
    out: `${path}.partial`,
    onStretch: () => run.faultPoint("folding"),
  });
  run.onEvent({ type: "folded", round: row.round, sha256, seconds: run.now() - started });
  await run.faultPoint("folded");
  await renameDurably(`${path}.partial`, path);
  await run.faultPoint("renamed");
  tellAbsent(run, row);
  const held = modelsToHold(run, row.round);
  run.state.commitModel(row.round, sha256, { now: run.now(), bytes: run.bytes, held });
  run.models.set(row.round, sha256);
  run.onEvent({ type: "committed", round: row.round, sha256, seconds: run.now() - stored.opened });
  await run.faultPoint("committed");
  for (const silo of row.roster) {
    const { partial, whole } = run.state.stagedPath(row.round, silo);
    for (const path of [partial, whole]) await removeIfThere(path);
  }
  for (const round of run.models.keys()) {
    if (!held.includes(round)) await removeIfThere(run.state.modelPath(round));
  }
}

/** Says whose update the row closes without, and what the late ones were at. */
function tellAbsent(run: Run, { round, roster }: RoundSettings): void {
  const missing = run.proposal.silos.filter((silo) => run.state.receipt(round, silo) === null);
  for (const silo of missing) {
    if (!roster.includes(silo) || run.attendance.lost(silo)) continue;
    run.onEvent({ type: "late", silo, round, ...run.attendance.standing(silo) });
  }
  if (missing.length > 0) run.onEvent({ type: "degraded", round, missing });
}

/** Every model that somebody scored, with the scores. */
export function scoredModels(run: Run): ScoredModel[] {
  return [...run.state.scores()].map(([round, scores]) => ({ round: round - 1, scores }));
}

/** The best model so far. */
export function selectNow(run: Run): Selection {
  return select(scoredModels(run), { roster: run.roster, last: run.rounds, held: run.state.held() });
}

/** How long each finished round took, seconds. */
export function wallTimes(run: Run): number[] {
  return timingsOf(run, run.state.scores(), run.now()).slice(0, run.rounds).map(({ wall }) => wall);
}

/** When an open row is abandoned so that the run ends within its budget, as the run counts time. */
export function abandonTime(run: Run): number {
  const { budget } = run;
  if (budget === null || run.rows.length === 0) return Infinity;
  return run.rows[0].opened + abandonAt({ budget, closing: closingSeconds(run) });
}

/** Expected length of the closing phase from the silos' last few turns, seconds. */
export function closingSeconds(run: Run): number {
  const scores = [...run.state.scores().values()];
  const turns = run.roster.map((silo) => {
    const { splits, stepsPerSecond } = run.joined.get(silo)!;
    const recent = (part: "score" | "pull") =>
      recentMedian(scores.flatMap((round) => round[silo]?.seconds?.[part] ?? []));
    return {
      val: splits.val.images,
      test: splits.test.images,
      score: recent("score"),
      pull: recent("pull"),
      stepsPerSecond,
    };
  });
  return closingTime(turns, { batch: run.proposal.recipe.batch, budget: run.budget });
}

/** Passes of a silo over its images in the rows that are done: where its last counted update ended. */
function passesOf(run: Run, silo: string): number {
  const last = run.rows.findLast(({ row }) =>
    row.roster.includes(silo) && run.state.receipt(row.round, silo)
  );
  return last?.row.silos[silo].to ?? 0;
}

function timingsOf(run: Run, scores: Map<number, Record<string, Scores>>, now: number): RowTiming[] {
  return run.rows.map(({ row, opened }, index) => {
    const trained = Object.values(scores.get(row.round) ?? {}).map((s) => s.seconds?.train ?? null);
    const known = trained.filter((seconds) => seconds !== null);
    const [{ from, to }] = Object.values(row.silos);
    return {
      share: (to - from) / run.proposal.localEpochs,
      wall: (run.rows[index + 1]?.opened ?? now) - opened,
      train: known.length === 0 ? null : Math.max(...known),
    };
  });
}

/**
 * The models that may still be asked for once that of round `last` is there: the start, the last, and the best for every
 * roster so far, since a silo that leaves or comes back brings another roster's best to the fore.
 */
function modelsToHold(run: Run, last: number): number[] {
  const models = scoredModels(run);
  const held = run.state.held();
  const rosters = new Map(run.rows.map(({ row: { roster } }) => [roster.join("/"), roster]));
  const best = [...rosters.values()].map((roster) => select(models, { roster, last, held }).round);
  return [...new Set([0, ...best, last])];
}
