/**
 * In which order a silo's training images come: an endless stream, one Philox permutation after the other.
 *
 * Why a stream and not epochs: steps are numbered through the whole run, so a batch may span two epochs and a
 * restarted silo finds its place from the step number alone.
 */
import { mulHigh, PURPOSE, words } from "./philox.ts";

/**
 * The Philox permutation of 0…n−1 for one epoch: Fisher–Yates from i = n−1 down to 1 with
 * j = ⌊x_i · (i+1) / 2^32⌋, x_i element i of the shuffle stream at step = epoch.
 */
export function permutation(
  n: number,
  options: { seed: number; silo: number; epoch: number },
): Uint32Array<ArrayBuffer> {
  const { seed, silo, epoch } = options;
  const random = words({ seed, silo }, { purpose: PURPOSE.shuffle, step: epoch }, n);
  const out = Uint32Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = mulHigh(random[i], i + 1);
    const held = out[i];
    out[i] = out[j];
    out[j] = held;
  }
  return out;
}

/** A silo's endless stream of shard rows: element k is entry k mod n of the permutation of epoch ⌊k/n⌋. */
export class ImageOrder {
  readonly #rows: Uint32Array;
  readonly #key: { seed: number; silo: number };
  #epoch = -1;
  #permutation = new Uint32Array(0);

  /**
   * @param rows shard rows to draw from (the training rows), not copied
   * @throws {RangeError} when there are none.
   */
  constructor(rows: Uint32Array, options: { seed: number; silo: number }) {
    if (rows.length === 0) {
      throw new RangeError("Cannot order images: expected at least one training row, got none");
    }
    this.#rows = rows;
    this.#key = { seed: options.seed, silo: options.silo };
  }

  /** Rows of the stream's elements `first` … `first + count − 1`; step t of batch B starts at t · B. */
  take(first: number, count: number): Uint32Array<ArrayBuffer> {
    const n = this.#rows.length;
    const out = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      const k = first + i;
      const epoch = Math.floor(k / n);
      if (epoch !== this.#epoch) {
        this.#permutation = permutation(n, { ...this.#key, epoch });
        this.#epoch = epoch;
      }
      out[i] = this.#rows[this.#permutation[k - epoch * n]];
    }
    return out;
  }
}
