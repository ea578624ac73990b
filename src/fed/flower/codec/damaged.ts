/** The one error of bytes that Flower's side sent and that are not what they should be. */

/** An error that says what was being read; `got` is free of what was in it. */
export function damaged(
  what: string,
  { expected = "whole bytes", got = "others", cause }: { expected?: string; got?: string; cause?: unknown } =
    {},
): SyntaxError {
  const reason = cause instanceof Error ? cause.message : got;
  return new SyntaxError(`Cannot read ${what}: expected ${expected}, got ${reason}`, { cause });
}
