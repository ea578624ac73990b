/**
 * Steps that changed nothing: their loss or gradient was not finite. A silo whose steps were skipped has trained on fewer
 * films than it counts for.
 */
import { ProtocolError } from "./errors.ts";

/** Fewest steps after the search of which a half may not be skipped. */
const FEWEST = 20;

/**
 * Whether an update may be sent. The steps before the first that was taken are the search for a loss scale in fp16, which
 * halves it until the gradients fit.
 * @param skipped which of a turn's steps were skipped, in order
 * @throws {ProtocolError} `steps_skipped` when no step was taken, or over half of at least 20 after the search.
 */
export function checkSkipped(skipped: readonly boolean[]): void {
  const first = skipped.indexOf(false);
  if (first < 0) refuse("steps that train", `none: the gradient was not finite in all ${skipped.length}`);
  const after = skipped.slice(first);
  const count = after.filter(Boolean).length;
  if (after.length < FEWEST || count <= after.length / 2) return;
  refuse(`at most half of ${after.length} steps without a finite gradient`, String(count));
}

function refuse(expected: string, got: string): never {
  throw new ProtocolError("steps_skipped", { expected, got });
}
