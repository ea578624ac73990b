/** Requests for the next row of a run, and what is read from its plan. */
import type { RowPlan, RowRequest } from "../../../src/fed/maths/budget.ts";
import { stepsOf } from "../../../src/fed/maths/stretch.ts";

/** A silo at its first step. */
export const silo = (train: number, stepsPerSecond = 4) => ({ train, stepsPerSecond, from: 0 });

/** Steps of a silo with so many training images in batches of 32. */
export const steps = ({ silos }: RowPlan, name: string, train: number) =>
  stepsOf(silos[name], { train, batch: 32 }).steps;
/** The part of a full pass that each silo takes. */
export const share = ({ silos: { a } }: RowPlan) => a.to - a.from;

/** The first row of a run of 20 minutes, but for the changes. */
export function request(change: Partial<RowRequest> = {}): RowRequest {
  return {
    round: 1,
    rounds: null,
    clock: { budget: 1200, elapsed: 0, closing: 15 },
    batch: 32,
    localEpochs: 1,
    silos: { a: silo(1600), b: silo(1000) },
    p0: 0,
    timings: [],
    ...change,
  };
}
