/** Train and val need films of both classes; a shard for evaluation only needs no more than a film. */

import { type Refusal, refusal } from "../refusal.ts";
import type { ShardManifest, Split, SplitCount } from "./manifest.ts";
import type { Shard } from "./shard.ts";
import { plural } from "../plural.ts";

/** What the check needs of a film. */
export interface ClassRow {
  assigned: Split;
  findings: readonly string[];
}

const REMEDY = 'add such images, correct "Finding Labels" and "split", ' +
  "or name other words for nothing found with --negative";

/** @throws {Error} when train or val has no film with, or none without a finding */
export function checkClasses(rows: readonly ClassRow[]): void {
  const missing = missingClass((split) => {
    const films = rows.filter(({ assigned }) => assigned === split);
    return { images: films.length, positives: films.filter(({ findings }) => findings.length > 0).length };
  });
  if (missing === undefined) return;
  throw refusal(Error, { what: "Cannot make the shard", ...missing, remedy: REMEDY });
}

/** @throws {Error} when there is no film at all */
export function checkFilms(rows: readonly ClassRow[]): void {
  if (rows.length > 0) return;
  throw refusal(Error, {
    what: "Cannot make the shard",
    expected: "an image that can be used",
    got: "none",
    remedy: "look at the list of rows that were left out",
  });
}

/** @throws {Error} for a shard that is for evaluation only: in words of the class that it lacks, where it lacks one */
export function checkTrainable({ dir, manifest }: { dir: string; manifest: ShardManifest }): void {
  if (!manifest.evaluation) return;
  throw refusal(Error, {
    what: `Cannot train on ${dir}`,
    ...missingClass((split) => manifest.counts[split]) ??
      { expected: "a shard for training", got: "one for evaluation only" },
    remedy:
      `${dir} is for evaluation only: take another shard, or prepare one of more images without --evaluation`,
  });
}

/** What train or val lacks, as a refusal says it; undefined = nothing. */
export function missingClass(
  count: (split: "train" | "val") => Pick<SplitCount, "images" | "positives">,
): Pick<Refusal, "expected" | "got"> | undefined {
  const lacking = lackingSplit(count);
  if (lacking === undefined) return undefined;
  const { split, images, positives } = lacking;
  const all = `${plural(images, "image")}, ${positives === 0 ? "none" : "all"} with a finding`;
  return {
    expected: `images with and without a finding in ${split}`,
    got: images === 0 ? "no images" : all,
  };
}

/** The first of train and val that lacks one of the classes, and what it has; undefined = neither does. */
function lackingSplit(count: (split: "train" | "val") => Pick<SplitCount, "images" | "positives">) {
  return (["train", "val"] as const).map((split) => ({ split, ...count(split) }))
    .find(({ images, positives }) => positives === 0 || positives === images);
}

/** @throws {Error} when a label rule leaves train or val of a shard without one of the classes; as `Shard.binary` */
export function checkRuleClasses(shard: Pick<Shard, "dir" | "counts">, rule: string): void {
  const counts = shard.counts(rule);
  const lacking = lackingSplit((split) => counts[split]);
  if (lacking === undefined) return;
  const { split, images, positives } = lacking;
  throw refusal(Error, {
    what: `Cannot train on shard ${shard.dir}`,
    expected: `both classes in ${split} by the label rule ${rule}`,
    got: `${positives} positive of ${plural(images, "image")}`,
    remedy: "name other findings with --positive or --exclude",
  });
}
