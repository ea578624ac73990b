/** Train and val need films of both classes. */

import { refusal } from "../refusal.ts";
import type { Shard } from "./shard.ts";
import type { Split } from "./manifest.ts";
import { plural } from "../plural.ts";

/** What the check needs of a film. */
export interface ClassRow {
  assigned: Split;
  findings: readonly string[];
}

/** @throws {Error} when train or val has no film with, or none without a finding */
export function checkClasses(rows: readonly ClassRow[]): void {
  for (const split of ["train", "val"] as const) {
    const films = rows.filter(({ assigned }) => assigned === split);
    const positives = films.filter(({ findings }) => findings.length > 0).length;
    if (positives > 0 && positives < films.length) continue;
    const all = `${plural(films.length, "image")}, ${positives === 0 ? "none" : "all"} with a finding`;
    throw refusal(Error, {
      what: "Cannot make the shard",
      expected: `images with and without a finding in ${split}`,
      got: films.length === 0 ? "no images" : all,
      remedy: 'add such images, correct "Finding Labels" and "split", ' +
        "or name other words for nothing found with --negative",
    });
  }
}

/** @throws {Error} when a label rule leaves train or val of a shard without one of the classes; as `Shard.binary` */
export function checkRuleClasses(shard: Pick<Shard, "dir" | "counts">, rule: string): void {
  const counts = shard.counts(rule);
  for (const split of ["train", "val"] as const) {
    const { images, positives } = counts[split];
    if (positives > 0 && positives < images) continue;
    throw refusal(Error, {
      what: `Cannot train on shard ${shard.dir}`,
      expected: `both classes in ${split} by the label rule ${rule}`,
      got: `${positives} positive of ${plural(images, "image")}`,
      remedy: "name other findings with --positive or --exclude",
    });
  }
}
