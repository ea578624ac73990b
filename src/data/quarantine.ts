/** Rows that cannot become films: which, why, how many, and when they are too many. */

import { refusal } from "../refusal.ts";
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
  "unreadable_file",
  "not_an_image",
  "other_modality",
  "for_processing",
  "lateral_view",
  "unknown_syntax",
  "no_pixels",
  "multi_frame",
  "unsupported_pixels",
  "too_large",
  "too_small",
  "truncated",
  "duplicate_pixels_across_splits",
] as const;

/** Those that are no fault of the film: it is none that is wanted, however many such an archive has. */
export const RULES: ReadonlySet<QuarantineReason> = new Set([
  "other_modality",
  "for_processing",
  "lateral_view",
]);

/** Why a row of the labels file cannot become a film. */
export type QuarantineReason = typeof REASONS[number];

/** A film that cannot be used; `reason` is what the quarantine counts. Its text names no file. */
export class DataError extends Error {
  override readonly name = "DataError";
  readonly reason: QuarantineReason;
  /** Files that are there in place of one that is missing, for the list alone. */
  readonly near: readonly string[];
  constructor(
    reason: QuarantineReason,
    message: string,
    options: ErrorOptions & { near?: readonly string[] } = {},
  ) {
    const { near = [], ...rest } = options;
    super(message, rest);
    this.reason = reason;
    this.near = near;
  }
}

/** Why a film's file could not be read, for what the system said. */
export function unreadable(cause: unknown, options: { near?: readonly string[] } = {}): DataError {
  if (cause instanceof Deno.errors.PermissionDenied) {
    const message = "Cannot read the image file: this user may not read it";
    return new DataError("unreadable_file", message, { cause });
  }
  const problem = cause instanceof Deno.errors.NotFound ? "it is missing" : "it is missing or unreadable";
  return new DataError("missing_file", `Cannot read the image file: ${problem}`, { cause, ...options });
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

/** A row that is out, why, and what else is to be mended there. */
interface Entry extends QuarantinedRow {
  error: DataError;
  also?: DataError;
}

/** The rows left out, each with its reason. */
export class Quarantine {
  readonly counts: Record<QuarantineReason, number> = Object.fromEntries(
    REASONS.map((reason) => [reason, 0]),
  ) as Record<QuarantineReason, number>;
  #out: Entry[] = [];
  #options: QuarantineOptions;

  constructor(options: QuarantineOptions) {
    this.#options = options;
  }

  /** Rows left out so far. */
  get size(): number {
    return this.#out.length;
  }

  /** Those of them that are unusable, not left out by a rule. */
  get unusable(): number {
    return REASONS.reduce((sum, reason) => RULES.has(reason) ? sum : sum + this.counts[reason], 0);
  }

  /** Whether more rows are unusable than may be. */
  get exceeded(): boolean {
    return this.unusable > this.#options.limit * this.#options.rows;
  }

  /** Leaves a row out. */
  add({ line, image }: QuarantinedRow, error: DataError): void {
    this.counts[error.reason]++;
    this.#out.push({ line, image, error });
  }

  /** Looks for the file of every row that its label or split rules out: once mended, the row needs it. */
  async lookForFiles(locate: (image: string) => Promise<unknown>): Promise<void> {
    for (const entry of this.#out) {
      if (entry.image === "" || !["bad_label", "patient_in_two_splits"].includes(entry.error.reason)) {
        continue;
      }
      const error = await locate(entry.image).then(() => undefined, (error) => error);
      if (error instanceof DataError && error.reason !== "outside_folder") entry.also = error;
      else if (error !== undefined && !(error instanceof DataError)) throw error;
    }
  }

  /** @throws {Error} when too many rows are out */
  check(): void {
    if (!this.exceeded) return;
    const { rows, limit, file } = this.#options;
    throw refusal(Error, {
      what: "Cannot make the shard",
      expected: `at most ${limit} of the rows unusable`,
      got: `${this.unusable} of ${rows}: ${this.#list()}`,
      remedy: `mend those listed in ${file} or raise --max-quarantine`,
    });
  }

  #list(): string {
    const found = REASONS.filter((reason) => this.counts[reason] > 0 && !RULES.has(reason));
    return found.map((reason) => `${reason} ${this.counts[reason]}${this.#more(reason)}`).join(", ");
  }

  /** What helps to mend rows of a reason, without the name of any file. */
  #more(reason: QuarantineReason): string {
    const errors = this.#out.flatMap(({ error }) => error.reason === reason ? [error] : []);
    if (reason === "bad_label") return ` (e.g. ${errors[0].message})`;
    const near = errors.filter((error) => error.near.length > 0);
    if (near.length === 0) return "";
    const endings = [...new Set(near.map((error) => error.near[0].replace(/^.*[.]/s, ".")))];
    return ` (for ${near.length} of them the list names a file that is there, ending in ${
      endings.join(", ")
    })`;
  }

  /**
   * The rows left out as CSV, by line of the labels file. It names files of the hospital and is never sent.
   */
  toCsv(): string {
    const rows = [...this.#out].sort((a, b) => a.line - b.line);
    const lines = rows.map(({ line, image, error, also }) => {
      const detail = [error, ...also ? [also] : []].map(detailOf).join("; ");
      return [line, image, error.reason, detail].map(csvCell);
    });
    return [["line", "Image Index", "reason", "detail"], ...lines].map((cells) => cells.join(",") + "\n")
      .join("");
  }
}

function detailOf({ message, near }: DataError): string {
  return near.length === 0 ? message : `${message}; what is there is ${near.join(", ")}`;
}
