/**
 * Plans rows: how many steps each silo takes and which stretch [p0, p1] of the schedule they cover. Pure: the time
 * comes in as numbers, is read only when the next row is written, and never enters a row.
 *
 * Why short rows at the end: a run under a budget must end within its last 5 %. The error of the end is the error of
 * the last row's prediction, so rows taper to about 4 % of the budget before the last one fills what remains.
 */
import { firstShare, rowCost, type RowTiming, shareLeft } from "./row_share.ts";
import type { RoundSettings } from "../protocol/messages.ts";
import { stepsOf } from "./stretch.ts";
import { plural } from "../../plural.ts";

/** Fewest steps per silo and row, where its data allow. */
const FEWEST_STEPS = 20;

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
  warnings: string[];
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
    return fill(request, {
      share: 1,
      p0: (round - 1) / rounds!,
      p1: round / rounds!,
      last: round === rounds,
    });
  }
  const pace = planTime(request, clock);
  if (pace === null || p0 >= 1) return null;
  const byRounds = rounds === null ? 0 : 1 / (rounds - round + 1);
  const next = p0 + (1 - p0) * Math.min(1, Math.max(pace.part, byRounds));
  // So near the end a step too small to be told from none is the last one.
  const last = pace.last || round === rounds || next <= p0 || next >= 1;
  const p1 = last ? 1 : next;
  return fill(request, { share: pace.share, p0, p1, last });
}

/** Share of a full row, part of the time left that it takes, and whether it is the last. */
function planTime(request: RowRequest, clock: Clock): { share: number; part: number; last: boolean } | null {
  const time = { ...clock, fewest: fewestShare(request) };
  if (request.timings.length > 0) return shareLeft(rowCost(request.timings), time);
  const alone = Math.max(
    ...Object.values(request.silos).map(({ train, stepsPerSecond }) => {
      const steps = Math.floor(train * request.localEpochs / request.batch);
      return stepsPerSecond > 0 ? steps / stepsPerSecond : 0;
    }),
  );
  return firstShare(alone, { ...time, silos: Object.keys(request.silos).length });
}

/** Smallest share that gives `FEWEST_STEPS` to each silo whose full row has as many. */
function fewestShare({ silos, batch, localEpochs }: RowRequest): number {
  let share = 0;
  for (const { train } of Object.values(silos)) {
    const needed = FEWEST_STEPS * batch / (train * localEpochs);
    if (needed <= 1) share = Math.max(share, Math.min(1, coarse(needed)));
  }
  return share;
}

function fill(
  request: RowRequest,
  { share, p0, p1, last }: { share: number; p0: number; p1: number; last: boolean },
): RowPlan {
  const plan: RowPlan = { silos: {}, p0, p1, last, warnings: [] };
  const { batch, localEpochs, round } = request;
  const passes = share < 1 ? Math.max(localEpochs * share, leastPasses(request)) : localEpochs * share;
  for (const [name, { train, from }] of Object.entries(request.silos)) {
    plan.silos[name] = { from, to: from + passes };
    const { steps } = stepsOf(plan.silos[name], { train, batch });
    const full = train * localEpochs / batch;
    if (steps < FEWEST_STEPS && (round === 1 || full >= FEWEST_STEPS + 1)) {
      plan.warnings.push(`round ${round}: ${plural(steps, "step")} at ${name}, fewer than ${FEWEST_STEPS}`);
    }
  }
  return plan;
}

/** Passes in which the smallest silo takes a step. */
function leastPasses({ silos, batch }: RowRequest): number {
  return coarse(batch / Math.min(...Object.values(silos).map(({ train }) => train)));
}

/** The next power of 2^¼ from x on: every silo reads a row's passes, which are not to tell one silo's images. */
function coarse(x: number): number {
  return 2 ** (Math.ceil(4 * Math.log2(x)) / 4);
}
