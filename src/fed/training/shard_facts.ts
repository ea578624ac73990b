/** What a silo says of its shard when it registers: counts and how films were prepared, nothing of any one film. */
import { type Shard, SPLITS } from "../../data/shard.ts";
import type { Registration } from "../protocol/messages.ts";

/** What a registration says of the shard. */
export type ShardFacts = Pick<Registration, "shard" | "splits" | "size" | "kernel" | "fit" | "labelRule">;

/** One shard's facts, or the sums of several under the first one's digest. */
export function factsOf(shards: readonly Pick<Shard, "manifest">[]): ShardFacts {
  const { size, kernel, fit, labelRule, digest } = shards[0].manifest;
  const splits = Object.fromEntries(SPLITS.map((split) => {
    const sum = (key: "images" | "patients" | "positives") =>
      shards.reduce((total, shard) => total + shard.manifest.counts[split][key], 0);
    return [split, { images: sum("images"), patients: sum("patients"), positives: sum("positives") }];
  })) as ShardFacts["splits"];
  return { shard: digest, splits, size, kernel, fit, labelRule };
}
