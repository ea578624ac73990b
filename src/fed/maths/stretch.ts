/**
 * A silo's part of a row: from where to where in its endless stream of passes over its own training images.
 *
 * Why passes and not steps: steps times batch would tell every hospital how many images each other one has.
 */
import type { Stretch } from "../protocol/messages.ts";

/** Passes are added up in doubles: a sum may fall so much short of a whole step, and this part of all steps. */
const ROUNDING = { step: 1e-9, part: 1e-10 };

/**
 * The steps of a stretch: those whose last image lies in it, floor(to·n/B) − floor(from·n/B). A short stretch of a small
 * silo may hold none; what is left of a step is carried, so that after any stretches floor(passes·n/B) steps are done.
 * @param options.train training images n of the silo · `batch` B
 */
export function stepsOf(
  { from, to }: Stretch,
  { train, batch }: { train: number; batch: number },
): { firstStep: number; steps: number } {
  const step = (passes: number) => {
    const exact = passes * train / batch;
    return Math.floor(exact + exact * ROUNDING.part + ROUNDING.step);
  };
  return { firstStep: step(from), steps: step(to) - step(from) };
}
