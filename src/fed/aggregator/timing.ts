/** How long rounds have taken, and what that means for the rounds and the closing phase to come. */
import {
  abandonAt,
  closingTime,
  likeNext,
  MEMORY,
  recentMedian,
  type RowTiming,
} from "../maths/row_share.ts";
import type { RowCourse } from "../protocol/event.ts";
import type { Run } from "./run.ts";
import type { StoredRow } from "./stored.ts";

/**
 * The last few rounds, oldest first, as if they had scored `val` just as the next one does; the last one ends now unless
 * a row has followed it.
 * @param next whether the next one scores
 */
export function recentTimings(run: Run, now: number, next: boolean): RowTiming[] {
  const { state, proposal } = run;
  const { rows, turns } = state;
  const timings = rows.slice(-MEMORY).map(({ row, opened }) => {
    const trained = Object.values(turns.get(row.round) ?? {}).map((turn) => turn.seconds?.train ?? null);
    const known = trained.filter((seconds) => seconds !== null);
    const [{ from, to }] = Object.values(row.silos);
    return {
      scored: row.score,
      share: (to - from) / proposal.localEpochs,
      wall: (rows[row.round]?.opened ?? now) - opened,
      train: known.length === 0 ? null : Math.max(...known),
    };
  });
  if (timings.every(({ scored }) => scored === next)) return timings;
  const scorings = run.roster.map((silo) => recentMedian(recentSeconds(run, silo, "score")) ?? 0);
  return likeNext(timings, { scored: next, seconds: Math.max(0, ...scorings) });
}

/** The median time of the rounds that are done, null before the first. */
export function medianWall(run: Run): number | null {
  const { current, rows, totals } = run.state;
  const last = current === null ? rows.at(-1) : undefined;
  return totals.medianWall(last === undefined ? null : run.now() - last.opened);
}

/** How far the run has come in time when this row opens, or opens again. */
export function courseOf(run: Run, stored: StoredRow): RowCourse {
  const { budget, recording, proposal, state } = run;
  const rows = stored === state.current ? state.rows : [...state.rows, stored];
  const recent = rows.slice(-MEMORY - 1).map((row) => row.opened);
  const now = run.now();
  return {
    rounds: recording?.rows.length ?? proposal.rounds,
    budget,
    usual: recentMedian(recent.slice(1).map((at, i) => at - recent[i])),
    elapsed: now - rows[0].opened,
    open: now - stored.opened,
  };
}

/** When an open row is abandoned so that the run ends within its budget, as the run counts time. */
export function abandonTime(run: Run): number {
  const { budget, state: { rows } } = run;
  if (budget === null || rows.length === 0) return Infinity;
  return rows[0].opened + abandonAt({ budget, closing: closingSeconds(run) });
}

/** Expected length of the closing phase from the silos' last few turns, seconds. */
export function closingSeconds(run: Run): number {
  const turns = run.roster.map((silo) => {
    const { splits, stepsPerSecond } = run.state.joined.get(silo)!;
    return {
      val: splits.val.images,
      test: splits.test.images,
      score: recentMedian(recentSeconds(run, silo, "score")),
      pull: recentMedian(recentSeconds(run, silo, "pull")),
      stepsPerSecond,
    };
  });
  return closingTime(turns, { batch: run.proposal.recipe.batch, budget: run.budget });
}

/** The last few times that a silo told for a part of its turn, newest first. */
function recentSeconds({ state: { turns, rounds } }: Run, silo: string, part: "score" | "pull"): number[] {
  const told: number[] = [];
  for (let round = rounds + 1; round > 0 && told.length < MEMORY; round--) {
    const seconds = turns.get(round)?.[silo]?.seconds?.[part];
    if (seconds !== undefined) told.push(seconds);
  }
  return told;
}
