/**
 * Plans rows: how many steps each silo takes and which stretch [p0, p1] of the schedule they cover. Pure: the time
 * comes in as numbers, is read only when the next row is written, and never enters a row.
 *
 * Why short rows at the end: a run under a budget must end within its last 5 %. The error of the end is the error of
 * the last row's prediction, so rows taper to about 4 % of the budget before the last one fills what remains.
 */
import { firstShare, mostPasses, rowCost, type RowTiming, shareLeft } from "./row_share.ts";
import type { RoundSettings } from "../protocol/messages.ts";

/** A silo of the row's roster. */
export interface RowSilo {
  /** Passes over its images so far. */
  from: number;
  /** Training images n. */
  train: number;
  /** From its registration, measured alone. */
  stepsPerSecond: number;
}

/** The budget's clock, seconds. */
export interface Clock {
  budget: number;
  /** Since round 1 opened, downtime included. */
  elapsed: number;
  /** Expected length of the closing phase: `closingTime`. */
  closing: number;
}

export interface RowRequest {
  /** From 1. */
  round: number;
  /** Most rounds, or null. */
  rounds: number | null;
  /** Null when only `rounds` limits the run. */
  clock: Clock | null;
  batch: number;
  localEpochs: number;
  silos: Readonly<Record<string, RowSilo>>;
  /**
   * Whether each of the silos takes a step under a budget: in a masked run a sum of fewer than its cohort is refused, and
   * any of them may be gone by then. @default false: the largest does
   */
  everybody?: boolean;
  /** Training images of the plan's roster together: all silos know how many. @default any number */
  pooled?: number;
  /** p1 of the row before, 0 at the start. */
  p0: number;
  /** Finished rows, oldest first. */
  timings: readonly RowTiming[];
}

/** What `planRow` decides; the caller adds run, base and scale. */
export interface RowPlan {
  silos: RoundSettings["silos"];
  p0: number;
  p1: number;
  last: boolean;
}

/**
 * The next row, or null when the run has to close instead.
 * @throws {RangeError} on an empty roster, or when neither rounds nor a budget limits the run.
 */
export function planRow(request: RowRequest): RowPlan | null {
  const { round, rounds, clock, p0 } = request;
  if (Object.keys(request.silos).length === 0) {
    throw new RangeError("Cannot plan a row: expected a silo, got none");
  }
  if (rounds === null && clock === null) {
    throw new RangeError("Cannot plan a row: expected rounds or a budget, got neither");
  }
  if (rounds !== null && round > rounds) return null;
  if (clock === null) {
    const last = round === rounds;
    return rowOf(request, {
      passes: request.localEpochs,
      p0: (round - 1) / rounds!,
      p1: round / rounds!,
      last,
    });
  }
  const full = Math.max(request.localEpochs, leastPasses(request));
  const pace = planTime(request, { clock, full });
  if (pace === null || p0 >= 1) return null;
  const byRounds = rounds === null ? 0 : 1 / (rounds - round + 1);
  const next = p0 + (1 - p0) * Math.min(1, Math.max(pace.part, byRounds));
  // So near the end a step too small to be told from none is the last one.
  const last = pace.last || round === rounds || next <= p0 || next >= 1;
  const passes = Math.min(Math.max(full * pace.share, leastPasses(request)), mostPasses(request.localEpochs));
  return rowOf(request, { passes, p0, p1: last ? 1 : next, last });
}

/** Every silo of a row takes as many passes from where it stands. Few of them may hold no step of a small silo. */
function rowOf(
  { silos }: RowRequest,
  { passes, ...rest }: Omit<RowPlan, "silos"> & { passes: number },
): RowPlan {
  const stretches = Object.entries(silos).map(([name, { from }]) => [name, { from, to: from + passes }]);
  return { silos: Object.fromEntries(stretches), ...rest };
}

/**
 * Share of a full row, part of the time left that it takes, and whether it is the last.
 * @param options.full passes of a full row: the plan's, and at least those in which somebody takes a step
 */
function planTime(
  request: RowRequest,
  { clock, full }: { clock: Clock; full: number },
): { share: number; part: number; last: boolean } | null {
  const { silos, batch, localEpochs, timings } = request;
  const time = { ...clock, fewest: leastPasses(request) / full };
  if (timings.length > 0) {
    const shares = timings.map((timing) => ({ ...timing, share: timing.share * (localEpochs / full) }));
    return shareLeft(rowCost(shares), time);
  }
  const alone = Math.max(
    ...Object.values(silos).map(({ train, stepsPerSecond }) => {
      const steps = Math.floor(train * full / batch);
      return stepsPerSecond > 0 ? steps / stepsPerSecond : 0;
    }),
  );
  return firstShare(alone, { ...time, silos: Object.keys(silos).length });
}

/**
 * Passes in which the largest silo takes a step, or each of them: fewer would train nobody, and be asked for the scores alone. One that came
 * after the plan may have more images than all of it; the others hold the row to those that they know of.
 */
function leastPasses({ silos, batch, pooled = Infinity, everybody = false }: RowRequest): number {
  const images = Object.values(silos).map(({ train }) => train);
  return coarse(batch / Math.min(pooled, everybody ? Math.min(...images) : Math.max(...images)));
}

/** The next power of 2^¼ from x on: every silo reads a row's passes, which are not to tell one silo's images. */
function coarse(x: number): number {
  return 2 ** (Math.ceil(4 * Math.log2(x)) / 4);
}
