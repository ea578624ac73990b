/**
 * A silo's part of a row: from where to where in its endless stream of passes over its own training images.
 *
 * Why passes and not steps: steps times batch would tell every hospital how many images each other one has.
 */
import type { Stretch } from "../protocol/messages.ts";

/** Passes are added up in doubles: a sum may fall so much short of a whole step. */
const ROUNDING = 1e-9;

/**
 * The steps of a stretch: those whose last image lies in it, floor(to·n/B) − floor(from·n/B).
 * @param options.train training images n of the silo · `batch` B
 */
export function stepsOf(
  { from, to }: Stretch,
  { train, batch }: { train: number; batch: number },
): { firstStep: number; steps: number } {
  const step = (passes: number) => Math.floor(passes * train / batch + ROUNDING);
  return { firstStep: step(from), steps: step(to) - step(from) };
}
