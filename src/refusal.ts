/**
 * How every part of the program says no: “Cannot <do>: expected X, got Y (remedy: Z)”.
 *
 * Why the parts stay with the error as fields: `fedx doctor` shows the remedy on a line of its own, and who passes a
 * refusal on says under another name what was expected and what came. Nobody takes a sentence apart for that.
 */

/** What a refusal says. */
export interface Refusal {
  /** How the sentence begins, without the colon: “Cannot open shard DIR”. */
  readonly what: string;
  readonly expected: string;
  readonly got: string;
  /** What to do about it; absent where only the caller knows. */
  readonly remedy?: string;
}

/** The refusal as one sentence, without a full stop. */
export function sentence({ what, expected, got, remedy }: Refusal): string {
  const end = remedy === undefined ? "" : ` (remedy: ${remedy})`;
  return `${what}: expected ${expected}, got ${got}${end}`;
}

/** An error of a built-in class that reads as the refusal and carries its fields. */
export function refusal<E extends Error>(
  kind: new (message: string, options?: ErrorOptions) => E,
  parts: Refusal,
  options?: ErrorOptions,
): E & Refusal {
  return Object.assign(new kind(sentence(parts), options), parts);
}

/** Whether an error carries the fields of a refusal. */
export function isRefusal(error: unknown): error is Error & Refusal {
  return error instanceof Error && ["what", "expected", "got"].every((field) => field in error);
}
