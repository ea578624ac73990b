/** What the table of failures says of each. */

export interface Failure {
  readonly status: number;
  readonly retryable: boolean;
  /** How the refusal begins: “Cannot …”, without its colon. */
  readonly what: string;
  readonly remedy: string;
}

/** A failure that nothing but somebody's help ends. */
export const fatal = (status: number, what: string, remedy: string): Failure => ({
  status,
  retryable: false,
  what,
  remedy,
});
/** One that may be over in a moment. */
export const passing = (status: number, what: string, remedy: string): Failure => ({
  status,
  retryable: true,
  what,
  remedy,
});
