/** The registration: what a silo says about itself when it joins, and whether its shard suits a run. */
import * as v from "valibot";
import { ProtocolError } from "./errors.ts";
import { Digest, images, integer, LabelRuleText, number, SiloName, text, WIRE_VERSION } from "./fields.ts";
import { MOST_IMAGES, SPEEDS } from "./claims.ts";
import type { Proposal } from "./proposal.ts";
import { prepareOptions } from "../../kernel.ts";
import { ANY_FINDING } from "../../label_rule.ts";
import { plural } from "../../plural.ts";

/** Passes are multiplied in doubles: a whole number of images may come out so much larger. */
const ROUNDING = 1e-6;

/** What to do where a rule of few findings leaves a hospital without a class. */
const OTHER_RULE =
  "name other findings with --positive or --exclude (of the aggregator, where there is one), or make a " +
  "shard with `fedx prepare` that has both classes by this rule in train and val";

/** Images, patients and positive images of one split. */
const SplitCountsSchema = v.strictObject({ images, patients: images, positives: images });
export type SplitCounts = v.InferOutput<typeof SplitCountsSchema>;

/** `POST /v1/join`: what a silo says about itself; counts only, nothing of any patient. */
export const RegistrationSchema = v.strictObject({
  silo: SiloName,
  /** Digest of the shard's content. */
  shard: Digest,
  splits: v.strictObject({ train: SplitCountsSchema, val: SplitCountsSchema, test: SplitCountsSchema }),
  device: text(128),
  threads: integer(1, 65536),
  /** Build id of the engine. */
  build: text(128),
  /** From a few throw-away steps, measured alone. */
  stepsPerSecond: number(SPEEDS.lowest, SPEEDS.highest),
  size: integer(1, 65536),
  kernel: text(32),
  fit: text(32),
  /** The rule by which the positive images are counted. */
  labelRule: LabelRuleText,
  wire: v.literal(WIRE_VERSION),
});
export type Registration = v.InferOutput<typeof RegistrationSchema>;

/**
 * Whether a shard suits a proposal; both sides ask, the silo before it connects its engine.
 * @param options.flower whether it is a Flower site's, whose `val` nobody has counted @default false
 * @throws {ProtocolError} `impossible_counts`, `other_size`, `other_preprocessing`, `other_labels`, `empty_class`,
 * `too_few_images`.
 */
export function checkRegistration(
  proposal: Proposal,
  shard: Pick<Registration, "size" | "kernel" | "fit" | "labelRule" | "splits">,
  { flower = false }: { flower?: boolean } = {},
): void {
  for (const [split, counts] of Object.entries(shard.splits)) checkCounts(split, counts);
  const { preprocessing: { kernel, fit }, size, labelRule } = proposal;
  const wanted = [
    ["size", size, "other_size"],
    ["kernel", kernel, "other_preprocessing"],
    ["fit", fit, "other_preprocessing"],
    ["labelRule", labelRule, "other_labels"],
  ] as const;
  for (const [field, expected, code] of wanted) {
    if (shard[field] === expected) continue;
    throw new ProtocolError(code, {
      expected: `${field} ${expected}`,
      got: String(shard[field]),
      remedy: `fedx prepare --images DIR --labels CSV ${prepareOptions({ size, kernel })} --out SHARD`,
    });
  }
  for (const split of flower ? ["train"] as const : ["train", "val"] as const) {
    const { images, positives } = shard.splits[split];
    if (positives > 0 && positives < images) continue;
    throw new ProtocolError("empty_class", {
      expected: `both classes in ${split}${
        labelRule === ANY_FINDING ? "" : ` by the label rule ${labelRule}`
      }`,
      got: `${positives} positive of ${plural(images, "image")}`,
      ...labelRule === ANY_FINDING ? {} : { remedy: OTHER_RULE },
    });
  }
  checkBatches(proposal, shard.splits.train.images);
}

/**
 * A shard has a step in every pass, in a run of less than one pass a step in all: else no row would ever train it.
 * @throws {ProtocolError} `too_few_images`
 */
function checkBatches(proposal: Proposal, images: number): void {
  const { recipe: { batch }, rounds, budget, localEpochs, masked } = proposal;
  // In a masked run everybody has a step in every row: a sum of fewer than its cohort is not asked for.
  const passes = budget === null ? Math.min(1, (masked === null ? rounds! : 1) * localEpochs) : 1;
  const fewest = Math.ceil(batch / passes - ROUNDING);
  if (images >= fewest) return;
  const short = passes < 1;
  throw new ProtocolError("too_few_images", {
    expected: `at least ${plural(fewest, "training image")}, one batch ${
      !short ? "a pass" : masked === null ? `in all ${plural(rounds!, "round")}` : "in every masked round"
    }`,
    got: `${images}`,
    ...short ? { remedy: "raise --rounds or --local-epochs (of the aggregator, where there is one)" } : {},
  });
}

/** @throws {ProtocolError} `impossible_counts` */
function checkCounts(split: string, { images, patients, positives }: SplitCounts): void {
  const sound = images <= MOST_IMAGES && patients <= images && positives <= images;
  if (sound) return;
  throw new ProtocolError("impossible_counts", {
    expected: `at most ${MOST_IMAGES} images in ${split}, and no more patients or positives than images`,
    got: `${plural(images, "image")} of ${plural(patients, "patient")}, ${positives} positive`,
  });
}
