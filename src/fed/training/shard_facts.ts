/** What a silo says of its shard when it registers: counts and how films were prepared, nothing of any one film. */
import { type Shard, SPLITS } from "../../data/shard.ts";
import { ANY_FINDING } from "../../label_rule.ts";
import { ProtocolError } from "../protocol/errors.ts";
import type { Registration } from "../protocol/messages.ts";

/** What a registration says of the shard. */
export type ShardFacts = Pick<Registration, "shard" | "splits" | "size" | "kernel" | "fit" | "labelRule">;

/**
 * One shard's facts, or the sums of several under the first one's digest.
 *
 * @param options.labelRule which films are counted as positive
 * @throws {ProtocolError} `other_labels` where a shard's stored findings cannot answer the rule
 */
export function factsOf(
  shards: readonly Pick<Shard, "manifest" | "findings" | "counts">[],
  { labelRule }: Pick<Registration, "labelRule">,
): ShardFacts {
  const { size, kernel, fit, digest, labelRule: stored } = shards[0].manifest;
  const unknown = new Set(shards.flatMap(({ findings }) => findings.unanswered(labelRule)));
  if (unknown.size > 0) {
    throw new ProtocolError("other_labels", {
      expected: `findings by name for the label rule ${labelRule}`,
      got: `a shard of an older fedx, which knows ${[...unknown].join(", ")} only as other`,
      remedy: "make it again with `fedx prepare`",
    });
  }
  const counts = shards.map((shard) => shard.counts(labelRule));
  const splits = Object.fromEntries(SPLITS.map((split) => {
    const sum = (key: "images" | "patients" | "positives") =>
      counts.reduce((total, one) => total + one[split][key], 0);
    return [split, { images: sum("images"), patients: sum("patients"), positives: sum("positives") }];
  })) as ShardFacts["splits"];
  return { shard: digest, splits, size, kernel, fit, labelRule: stored === ANY_FINDING ? labelRule : stored };
}
