/**
 * Whether a run has the steps for BatchNorm's statistics to be fixed: they follow the films by a tenth a step, so where
 * rounds are short they lag behind the weights, and whoever then trains with them is worse off than without.
 */
import type { Recipe } from "../../model/recipe.ts";

/** Fewest steps of a round, in the mean over silos: with 100 fixed statistics helped in trials, with 20 they did not. */
const SETTLED = 50;

/**
 * The recipe as it is trained with: `bn` between 0 and 1 becomes 1 where rounds are too short for it.
 *
 * @param run.images training images of all silos
 */
export function withSettledStatistics(
  recipe: Recipe,
  run: { images: number; silos: number; localEpochs: number },
): Recipe {
  const steps = run.localEpochs * run.images / (recipe.batch * run.silos);
  return recipe.bn > 0 && steps < SETTLED ? { ...recipe, bn: 1 } : recipe;
}
