/**
 * When to stop sending an update again that arrives damaged.
 *
 * Why counted and not timed: each announcement gets its good answer, so the silence that `wait` measures never comes.
 */
import { ProtocolError } from "../protocol/errors.ts";

/** Times in a row, without a byte gained, after which the upload ends. */
const DAMAGED = 5;

/** The times that one upload arrived damaged. */
export class Damage {
  #furthest = -1;
  #times = 0;

  /** The next byte that the aggregator wants. */
  from(offset: number): void {
    if (offset > this.#furthest) this.#times = 0;
    this.#furthest = Math.max(this.#furthest, offset);
  }

  /** The error itself, or the one that ends the upload. */
  count(error: unknown): unknown {
    if (!(error instanceof ProtocolError)) return error;
    if (error.code !== "bad_frame" && error.code !== "digest_mismatch") return error;
    if (++this.#times < DAMAGED) return error;
    return new ProtocolError("damaged_upload", {
      expected: "the bytes to arrive as they were sent",
      got: `${error.code} ${DAMAGED} times in a row`,
      cause: error,
    });
  }
}
