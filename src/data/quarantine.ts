/** Rows that cannot become films: why, how many, and when they are too many. */

/** Why a row of the labels file cannot become a film. */
export type QuarantineReason =
  | "missing_file"
  | "not_an_image"
  | "truncated"
  | "bad_label"
  | "patient_in_two_splits";

/** A film that cannot be used; `reason` is what the quarantine counts. Its text names no file. */
export class DataError extends Error {
  override readonly name = "DataError";
  readonly reason: QuarantineReason;
  constructor(reason: QuarantineReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** Counts the rows left out, with the first text of each reason. */
export class Quarantine {
  readonly counts: Record<QuarantineReason, number> = {
    missing_file: 0,
    not_an_image: 0,
    truncated: 0,
    bad_label: 0,
    patient_in_two_splits: 0,
  };
  #examples = new Map<QuarantineReason, string>();
  #rows: number;
  #limit: number;

  constructor(rows: number, limit: number) {
    this.#rows = rows;
    this.#limit = limit;
  }

  /** @throws {Error} as soon as too many rows are out, however the rest turn out */
  add(error: DataError): void {
    this.counts[error.reason]++;
    if (!this.#examples.has(error.reason)) this.#examples.set(error.reason, error.message);
    this.#check();
  }

  #check(): void {
    const reasons = Object.entries(this.counts).filter(([, count]) => count > 0);
    const total = reasons.reduce((sum, [, count]) => sum + count, 0);
    if (total <= this.#limit * this.#rows) return;
    const list = reasons.map(([reason, count]) =>
      `${reason} ${count}${reason === "bad_label" ? ` (e.g. ${this.#examples.get(reason)})` : ""}`
    );
    throw new Error(
      `Cannot make the shard: at least ${total} of ${this.#rows} rows are unusable (${
        list.join(", ")
      }), at most ` +
        `${this.#limit} of them may be; mend the files or raise --max-quarantine`,
    );
  }
}
