/** Training of the classifier alone, said in the recipe's own numbers: no engine has to know of it. */
import type { Recipe } from "./recipe.ts";

/**
 * The recipe with everything before the classifier held: a learning rate of 0 lets weights stay bit for bit, weight decay
 * included, and BatchNorm keeps its statistics. No block is skipped at random, so that the classifier learns from the
 * features that it will see in prediction.
 */
export function headOnly(recipe: Recipe): Recipe {
  return {
    ...recipe,
    groups: { ...recipe.groups, stem: 0, backbone: 0 },
    bn: 0,
    stochasticDepth: 0,
  };
}
