/** Which rows of a labels file may become films, and in which split: all that the labels alone decide. */

import { posix } from "node:path";
import type { Split } from "./manifest.ts";
import { DataError, type Quarantine } from "./quarantine.ts";
import { assignSplits } from "./split.ts";
import type { LabelRow } from "./table.ts";

/** A row that may become a film. */
export interface Job extends LabelRow {
  /** Its number among all rows of the labels file, from 0. */
  index: number;
  assigned: Split;
}

/**
 * The rows that may become films, in the file's order; the others go into `quarantine`. Of several rows with one
 * Image Index the first sound one stays. Splits are drawn over the rows that are left by then.
 */
export function jobsOf(
  rows: readonly LabelRow[],
  options: { salt?: string; quarantine: Quarantine },
): Job[] {
  const { salt, quarantine } = options;
  const seen = new Map<string, number>();
  const sound = rows.map((row, index) => ({ ...row, index })).filter((row) => {
    const error = problemOf(row, seen);
    if (error) quarantine.add(row, error);
    return !error;
  });
  const splits = assignSplits(sound, { salt });
  return sound.flatMap((row, i) => {
    const { [i]: assigned } = splits;
    if (assigned !== null) return [{ ...row, assigned }];
    quarantine.add(row, new DataError("patient_in_two_splits", "a patient in two splits"));
    return [];
  });
}

/** What the row itself and those before it say against it. */
function problemOf(row: LabelRow, seen: Map<string, number>): DataError | undefined {
  if (row.bad !== undefined) return new DataError("bad_label", row.bad);
  if (leadsOut(row.image)) {
    return new DataError("outside_folder", "an Image Index that leads out of the image folder");
  }
  const image = posix.normalize(row.image);
  const first = seen.get(image);
  if (first !== undefined) {
    return new DataError("duplicate_row", `an Image Index that occurs before (line ${first} stays)`);
  }
  seen.set(image, row.line);
  return undefined;
}

function leadsOut(image: string): boolean {
  return image.startsWith("/") || image.split(/[/\\]/).includes("..");
}
