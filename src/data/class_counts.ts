/** Films of each class in train and val, watched from the labels to the last decode: both need both classes. */

import type { Split } from "./manifest.ts";

/** What counting needs of a row. */
export interface ClassRow {
  assigned: Split;
  findings: readonly string[];
}

/** Films with and without a finding, by split. */
export class ClassCounts {
  #counts: Record<Split, { positives: number; negatives: number }> = {
    train: { positives: 0, negatives: 0 },
    val: { positives: 0, negatives: 0 },
    test: { positives: 0, negatives: 0 },
  };

  /** @throws {Error} when train or val has no film with, or none without a finding */
  constructor(rows: Iterable<ClassRow>) {
    for (const row of rows) this.#add(row, 1);
    this.#check();
  }

  /** A row turned out to be no film. @throws {Error} when it was the last of its class */
  drop(row: ClassRow): void {
    this.#add(row, -1);
    this.#check();
  }

  #add({ assigned, findings }: ClassRow, count: number): void {
    this.#counts[assigned][findings.length > 0 ? "positives" : "negatives"] += count;
  }

  #check(): void {
    for (const split of ["train", "val"] as const) {
      const { positives, negatives } = this.#counts[split];
      if (positives > 0 && negatives > 0) continue;
      const images = positives + negatives;
      const missing = positives === 0 ? "with a finding" : "with No Finding";
      const got = images === 0 ? "no images" : `${images} images but none ${missing}`;
      throw new Error(
        `Cannot make the shard: ${split} has ${got}; ` +
          `both classes are needed: add such images or correct "Finding Labels" and "split"`,
      );
    }
  }
}
