/** How much a film of each class counts. */
import type { Plan, Proposal } from "../protocol/messages.ts";

/** [w0, w1] of the pooled counts, or [1, 1] when the recipe uses none. */
export function classWeightsOf(
  proposal: Pick<Proposal, "recipe">,
  { images, positives }: Plan["pooled"],
): [number, number] {
  if (!proposal.recipe.loss.classWeights) return [1, 1];
  return [images / (2 * (images - positives)), images / (2 * positives)];
}
