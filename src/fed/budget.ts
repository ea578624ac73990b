/**
 * Plans rows: how many steps each silo takes and which stretch [p0, p1] of the schedule they cover. Pure: the time
 * comes in as numbers, is read only when the next row is written, and never enters a row.
 *
 * Why short rows at the end: a run under a budget must end within its last 5 %. The error of the end is the error of
 * the last row's prediction, so rows taper to about 4 % of the budget before the last one fills what remains.
 */
import { type CostPerRow, firstShare, rowCost, type RowTiming, shareLeft } from "./pace.ts";
import type { Row } from "./protocol.ts";

/** Fewest steps per silo and row, where its data allow. */
export const FEWEST_STEPS = 20;
/** Smallest part of a full row, where a full row is less than a step. */
const SHORTEST_SHARE = 1e-3;

/** Where a silo stands in its endless stream of images; moved by counted updates only. */
export interface Position {
  /** First step of its next row. */
  step: number;
  /** Images that earlier rows owed it and that did not fill a batch, 0 … batch. */
  carry: number;
}

/** A silo of the row's roster. */
export interface RowSilo extends Position {
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

/** What `planRow` decides; the caller adds run, base and scale, and keeps `after` and `share` with the row. */
export interface RowPlan {
  silos: Row["silos"];
  p0: number;
  p1: number;
  last: boolean;
  /** Of n·E images per silo; 1 = a full row. */
  share: number;
  /** Position of each silo once its update has counted. */
  after: Record<string, Position>;
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
  const time = {
    ...clock,
    fewest: shareOf(FEWEST_STEPS, request),
    least: Math.max(SHORTEST_SHARE, shareOf(1, request)),
  };
  if (request.timings.length > 0) return shareLeft(rowCost(request.timings), time);
  const alone = Math.max(
    ...Object.values(request.silos).map(({ train, stepsPerSecond }) => {
      const steps = Math.floor(train * request.localEpochs / request.batch);
      return stepsPerSecond > 0 ? steps / stepsPerSecond : 0;
    }),
  );
  return firstShare(alone, { ...time, silos: Object.keys(request.silos).length });
}

/** Smallest share that gives so many steps to each silo whose full row has as many. */
function shareOf(steps: number, { silos, batch, localEpochs }: RowRequest): number {
  let share = 0;
  for (const { train } of Object.values(silos)) {
    const needed = steps * batch / (train * localEpochs);
    if (needed <= 1) share = Math.max(share, needed);
  }
  return share;
}

function fill(
  request: RowRequest,
  { share, p0, p1, last }: { share: number; p0: number; p1: number; last: boolean },
): RowPlan {
  const plan: RowPlan = { silos: {}, p0, p1, last, share, after: {}, warnings: [] };
  const { batch, localEpochs, round } = request;
  for (const [name, { train, step, carry }] of Object.entries(request.silos)) {
    const images = carry + train * localEpochs * share;
    const steps = Math.max(1, Math.floor(images / batch));
    plan.silos[name] = { firstStep: step, steps };
    plan.after[name] = { step: step + steps, carry: Math.max(0, images - steps * batch) };
    const full = train * localEpochs / batch;
    if (steps < FEWEST_STEPS && (round === 1 || full >= FEWEST_STEPS + 1)) {
      plan.warnings.push(`round ${round}: ${steps} steps at ${name}, fewer than ${FEWEST_STEPS}`);
    }
  }
  return plan;
}

/** Positions after a round: advanced for the silos that counted, unchanged for the others. */
export function advance(
  before: Readonly<Record<string, Position>>,
  after: Readonly<Record<string, Position>>,
  counted: readonly string[],
): Record<string, Position> {
  const positions: Record<string, Position> = {};
  for (const [name, { step, carry }] of Object.entries(before)) {
    positions[name] = counted.includes(name) ? after[name] : { step, carry };
  }
  return positions;
}

export type { CostPerRow, RowTiming };
