/** Whether a hospital's shard suits a run. */
import { ProtocolError } from "./errors.ts";
import { MOST_IMAGES } from "./limits.ts";
import type { Proposal, Registration, SplitCounts } from "./messages.ts";

/**
 * Whether a shard suits a proposal; both sides ask, the silo before it connects its engine.
 * @throws {ProtocolError} `impossible_counts`, `other_data`, `empty_class`, `too_few_images`.
 */
export function checkRegistration(
  proposal: Proposal,
  shard: Pick<Registration, "size" | "kernel" | "fit" | "labelRule" | "splits">,
): void {
  for (const [split, counts] of Object.entries(shard.splits)) checkCounts(split, counts);
  const wanted = {
    size: proposal.size,
    kernel: proposal.preprocessing.kernel,
    fit: proposal.preprocessing.fit,
    labelRule: proposal.labelRule,
  };
  for (const field of ["size", "kernel", "fit", "labelRule"] as const) {
    if (shard[field] === wanted[field]) continue;
    throw new ProtocolError("other_data", {
      expected: `${field} ${wanted[field]}`,
      got: String(shard[field]),
      remedy: `fedx prepare --images DIR --labels CSV --size ${proposal.size} --out SHARD`,
    });
  }
  for (const split of ["train", "val"] as const) {
    const { images, positives } = shard.splits[split];
    if (positives > 0 && positives < images) continue;
    throw new ProtocolError("empty_class", {
      expected: `both classes in ${split}`,
      got: `${positives} positive of ${images} images`,
    });
  }
  const fewest = Math.ceil(proposal.recipe.batch / Math.min(1, proposal.localEpochs));
  if (shard.splits.train.images < fewest) {
    throw new ProtocolError("too_few_images", {
      expected: `at least ${fewest} training images, one batch a round`,
      got: `${shard.splits.train.images}`,
    });
  }
}

/** @throws {ProtocolError} `impossible_counts` */
function checkCounts(split: string, { images, patients, positives }: SplitCounts): void {
  const sound = images <= MOST_IMAGES && patients <= images && positives <= images;
  if (sound) return;
  throw new ProtocolError("impossible_counts", {
    expected: `at most ${MOST_IMAGES} images in ${split}, and no more patients or positives than images`,
    got: `${images} images of ${patients} patients, ${positives} positive`,
  });
}
