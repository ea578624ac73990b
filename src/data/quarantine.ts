/** Rows that cannot become films: which, why, how many, and when they are too many. */

import { csvCell } from "./csv.ts";

/** The largest share of rows that may be left out where no other is given. */
export const MAX_QUARANTINE = 0.05;

/** Every reason, in the order in which they are looked for. */
const REASONS = [
  "bad_label",
  "outside_folder",
  "duplicate_row",
  "patient_in_two_splits",
  "missing_file",
  "no_permission",
  "not_an_image",
  "too_large",
  "too_small",
  "truncated",
  "duplicate_pixels_across_splits",
] as const;

/** Why a row of the labels file cannot become a film. */
export type QuarantineReason = typeof REASONS[number];

/** A film that cannot be used; `reason` is what the quarantine counts. Its text names no file. */
export class DataError extends Error {
  override readonly name = "DataError";
  readonly reason: QuarantineReason;
  constructor(reason: QuarantineReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** Why a film's file could not be read. */
export function unreadFilm(cause: unknown): DataError {
  if (cause instanceof DataError) return cause;
  return cause instanceof Deno.errors.PermissionDenied
    ? new DataError("no_permission", "Cannot read the image file: this user may not; see ls -l", { cause })
    : new DataError("missing_file", "Cannot read the image file: it is missing or unreadable", { cause });
}

/** Where a row stands: its line in the labels file and its Image Index. */
export interface QuarantinedRow {
  line: number;
  image: string;
}

/** What a labels file of so many rows may lose, and where the operator will find what it lost. */
export interface QuarantineOptions {
  rows: number;
  /** The largest share of rows that may be left out. */
  limit: number;
  /** The file that will list them, for the text of an error. */
  file: string;
}

/** The rows left out, each with its reason. */
export class Quarantine {
  readonly counts: Record<QuarantineReason, number> = Object.fromEntries(
    REASONS.map((reason) => [reason, 0]),
  ) as Record<QuarantineReason, number>;
  #out: (QuarantinedRow & { error: DataError })[] = [];
  #options: QuarantineOptions;

  constructor(options: QuarantineOptions) {
    this.#options = options;
  }

  /** Rows left out so far. */
  get size(): number {
    return this.#out.length;
  }

  /** Whether more rows are out than may be. */
  get exceeded(): boolean {
    return this.size > this.#options.limit * this.#options.rows;
  }

  /** @throws {Error} as soon as too many rows are out, however the rest turn out */
  add({ line, image }: QuarantinedRow, error: DataError): void {
    this.counts[error.reason]++;
    this.#out.push({ line, image, error });
    const { rows, limit, file } = this.#options;
    if (!this.exceeded) return;
    throw new Error(
      `Cannot make the shard: at least ${this.size} of ${rows} rows are unusable (${this.#list()}), ` +
        `at most ${limit} of them may be; mend those listed in ${file} or raise --max-quarantine`,
    );
  }

  #list(): string {
    const found = REASONS.filter((reason) => this.counts[reason] > 0);
    const example = this.#out.find(({ error }) => error.reason === "bad_label")?.error.message;
    return found.map((reason) =>
      `${reason} ${this.counts[reason]}${reason === "bad_label" ? ` (e.g. ${example})` : ""}`
    ).join(", ");
  }

  /**
   * The rows left out as CSV, by line of the labels file. It names files of the hospital and is never sent.
   */
  toCsv(): string {
    const rows = [...this.#out].sort((a, b) => a.line - b.line);
    const lines = rows.map(({ line, image, error }) =>
      [line, image, error.reason, error.message].map(csvCell)
    );
    return [["line", "Image Index", "reason", "detail"], ...lines].map((cells) => cells.join(",") + "\n")
      .join("");
  }
}
