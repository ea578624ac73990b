/** Train and val need films of both classes. */

import { refusal } from "../refusal.ts";
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
