/**
 * How much of a full row fits the time: from measured rows, from the silos' own speed before the first, and the
 * reserve that the closing phase needs. Durations are seconds, shares parts of a full row (n·E images per silo).
 *
 * Why medians and bounds: speeds and durations are what silos say of themselves. One that lies, and one that was
 * stopped for minutes, may cost the run some of its rows, but neither ends it.
 */
import { median } from "./median.ts";
import { SPEEDS } from "../protocol/claims.ts";

/** Where in the budget a run is meant to end: the middle of its last 5 %. */
const AIM = 0.975;
/** Open rows are abandoned when the closing phase would end beyond this part of the budget. */
const LATEST = 0.99;
/** Wanted length of the last row, as a part of the budget: 20 % more or less of it stays within the window. */
const FINAL = 0.04;
/** The fewest steps give way where they would make the last rows longer than this part. */
const LONGEST_FEWEST = 0.06;
/** A run that would end this part of the budget before the aim is still within its window. */
const EARLY = 0.02;
/** A last row of a step or two may end this part of the budget after the aim. */
const LATE = 0.012;
/**
 * An overhead beyond half the time left is not believed while more than this part of the budget is left: it is one stop,
 * or one lie. The next row is a bet then, and abandoned where it is lost.
 */
const DOUBT = 1 / 8;
/** Smallest part of a full row; a row has a step of the largest silo anyhow. */
const SHORTEST_SHARE = 1e-3;
/** Least part of what is left of the schedule that a row covers: progress moves with each. */
const LEAST_PART = 1e-6;
/** Least seconds of a full row: an engine that takes no time divides by nothing. */
const LEAST_FULL = 1e-6;
/** “The last row is the one after which less than 1.5 rows of time would be left.” */
const ROWS_LEFT = 1.5;
/** No row is longer than this many full ones. */
const LONGEST_SHARE = 2.5;
/** Silos that may share one machine although each measured its speed alone. */
const SHARING = 4;
/** The first row, unmeasured, takes at most this part of the time, all its silos sharing one machine. */
const FIRST = 1 / 8;
/** Finished rows that an estimate looks back on: a median over three survives one slow start or restart. */
export const MEMORY = 3;
/** Largest part of the budget that is kept for the closing phase, whatever the silos say of their scoring. */
const MOST_CLOSING = 1 / 4;
/** Committing, selecting and polling in the closing phase, whatever the data. */
const CLOSING_OVERHEAD = 1;
/** Images scored in the time of one trained, on the careful side: 5 and more were measured. Used before the first scores. */
export const SCORING_SPEEDUP = 3;

/** A measured speed within `SPEEDS`: a clock that stood still, or a machine that did, gives any number. */
export function plausibleSpeed(measured: number): number {
  return Math.min(SPEEDS.highest, Math.max(SPEEDS.lowest, Number.isNaN(measured) ? 0 : measured));
}

/** Most passes of a row under a budget: a full one at least, in which every silo takes a step. */
export function mostPasses(localEpochs: number): number {
  return Math.max(1, LONGEST_SHARE * localEpochs);
}

/** A finished row. */
export interface RowTiming {
  /** Its part of a full row. */
  share: number;
  /** From its opening to the next one's. */
  wall: number;
  /** The longest training time of a silo, null when unknown. */
  train: number | null;
}

/**
 * What rows would have taken had they scored `val` as the next one does, or not: short rounds do so now and then.
 * @param next.seconds what scoring takes
 */
export function likeNext(
  timings: readonly (RowTiming & { scored: boolean })[],
  next: { scored: boolean; seconds: number },
): RowTiming[] {
  return timings.map(({ scored, ...timing }) => {
    const more = Number(next.scored) - Number(scored);
    return { ...timing, wall: Math.max(timing.train ?? 0, timing.wall + more * next.seconds) };
  });
}

/** What a row costs. */
export interface CostPerRow {
  /** Whatever its steps: pulling, scoring, uploading, folding. */
  overhead: number;
  /** Training of a full row. */
  full: number;
}

/** Cost of a row from the last finished ones (at least one). */
export function rowCost(timings: readonly RowTiming[]): CostPerRow {
  const overheads = timings.map(({ wall, train }) => train === null ? 0 : Math.max(0, wall - train));
  const fulls = timings.map(({ wall, train, share }) =>
    (train === null ? wall : Math.min(wall, train)) / share
  );
  return { overhead: recentMedian(overheads)!, full: recentMedian(fulls)! };
}

/** Median of the last few values, the lower one of two; null for none. One stop among three moves it little. */
export function recentMedian(values: readonly number[]): number | null {
  return values.length === 0 ? null : median(values.slice(-MEMORY));
}

interface TimeLeft {
  budget: number;
  elapsed: number;
  closing: number;
  /** Share that gives the largest silo a step. */
  fewest: number;
}

/** Time for rows before the aim. */
function available({ budget, elapsed, closing }: TimeLeft): number {
  return budget * AIM - closing - elapsed;
}

/** The next row by measured cost; null when nothing useful fits any more. */
export function shareLeft(
  cost: CostPerRow,
  time: TimeLeft,
): { share: number; part: number; last: boolean } | null {
  const left = available(time);
  const { full } = cost;
  const doubted = left > DOUBT * time.budget && cost.overhead > left / 2;
  const overhead = doubted ? left / 4 : cost.overhead;
  const whole = overhead + full;
  const shortest = overhead +
    Math.min(full * time.fewest, Math.max(LONGEST_FEWEST * time.budget - overhead, overhead / 2));
  const final = Math.min(whole, Math.max(shortest, FINAL * time.budget));
  const share = (seconds: number) =>
    Math.max(SHORTEST_SHARE, (seconds - overhead) / Math.max(LEAST_FULL, full));
  const lastBelow = Math.max(ROWS_LEFT * final, Math.min(final + EARLY * time.budget, LONGEST_SHARE * final));
  if (left < lastBelow) {
    const useful = left >= shortest || left > EARLY * time.budget;
    if (!useful || left + LATE * time.budget < overhead) return null;
    return { share: Math.min(LONGEST_SHARE, share(left)), part: 1, last: true };
  }
  // Leave a last row of about `final`, and never bet more than two thirds of the time on one row.
  const length = Math.max(shortest, Math.min(whole, left / ROWS_LEFT, Math.max(left - final, left / 2)));
  return { share: Math.min(1, share(length)), part: Math.max(LEAST_PART, length / left), last: false };
}

/**
 * The first row: a full one, unless silos that share a machine could then spend much of the budget on it. There always
 * is one, since nothing is measured yet and a row too long is abandoned: no silo's word alone may end a run.
 * @param alone Seconds of training of the slowest silo, each measured alone; 0 when unknown. The progress is planned
 * from it and thus too small where silos share a machine; later rows make up for that.
 */
export function firstShare(
  alone: number,
  time: TimeLeft & { silos: number },
): { share: number; part: number; last: boolean } {
  const left = Math.max(available(time), FIRST * time.budget);
  const worst = alone * Math.min(time.silos, SHARING);
  const share = worst > 0 ? Math.min(1, Math.max(SHORTEST_SHARE, FIRST * left / worst)) : 1;
  return { share, part: Math.max(LEAST_PART, Math.min(FIRST, alone * share / left)), last: false };
}

/** When an open row is abandoned, seconds after round 1 opened. */
export function abandonAt(clock: { budget: number; closing: number }): number {
  return Math.max(0, clock.budget * LATEST - clock.closing);
}

/** Until when the closing phase waits for the scores of silos that are gone, seconds after round 1 opened. */
export function leaveOutAt(clock: { budget: number }): number {
  return Math.max(0, Math.min(clock.budget * LATEST, clock.budget - CLOSING_OVERHEAD));
}

/** A silo's figures for the closing phase. */
export interface ClosingTurn {
  val: number;
  test: number;
  /** Seconds its scoring of `val` takes (`recentMedian`), null before the first. */
  score: number | null;
  /** Seconds its pull of a model takes, null before the first. */
  pull: number | null;
  stepsPerSecond: number;
}

/**
 * Expected length of the closing phase: pull and score g(R) on val, then score the selected model on test; a quarter of
 * the budget at most.
 * @param options.budget null for none
 */
export function closingTime(
  turns: readonly ClosingTurn[],
  options: { batch: number; budget: number | null },
): number {
  const longest = Math.max(
    0,
    ...turns.map(({ val, test, score, pull, stepsPerSecond }) => {
      const alone = stepsPerSecond > 0 ? val / (options.batch * stepsPerSecond * SCORING_SPEEDUP) : 0;
      const measured = score ?? alone * Math.min(turns.length, SHARING);
      return measured * (1 + test / Math.max(1, val)) + 2 * (pull ?? 0);
    }),
  );
  return Math.min(CLOSING_OVERHEAD + longest, MOST_CLOSING * (options.budget ?? Infinity));
}
