/**
 * Steps that changed nothing: their loss or gradient was not finite. A silo whose steps were skipped has trained on fewer
 * films than it counts for, so it sends no update, and the aggregator takes none whose own figures say so.
 */
import { ProtocolError } from "../protocol/errors.ts";

/** Fewest steps after the search of which a half may not be skipped. */
const FEWEST = 20;

/** A turn's steps by what became of them. */
export interface StepCounts {
  steps: number;
  /** Those that changed nothing. */
  skipped: number;
  /**
   * Of the skipped ones those before the first that was taken: in fp16 they search for a loss scale, which is halved
   * until the gradients fit.
   */
  searched: number;
}

/** @param skipped which of a turn's steps were skipped, in order */
export function countSteps(skipped: readonly boolean[]): StepCounts {
  const first = skipped.indexOf(false);
  return {
    steps: skipped.length,
    skipped: skipped.filter(Boolean).length,
    searched: first < 0 ? skipped.length : first,
  };
}

/**
 * Whether an update may be sent, and taken.
 * @throws {ProtocolError} `steps_skipped` when none of the steps was taken, or over half of at least 20 after the search
 * were skipped.
 */
export function checkSteps({ steps, skipped, searched }: StepCounts): void {
  if (steps > 0 && skipped === steps) {
    refuse("steps that train", `none: the gradient was not finite in all ${steps}`);
  }
  const after = steps - searched, count = skipped - searched;
  if (after < FEWEST || count <= after / 2) return;
  refuse(`at most half of ${after} steps without a finite gradient`, String(count));
}

function refuse(expected: string, got: string): never {
  throw new ProtocolError("steps_skipped", { expected, got });
}
