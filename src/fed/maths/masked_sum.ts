/**
 * The exact sum where nobody sees its parts: each silo sends n·q plus masks that cancel, as integers modulo 2^64; their
 * sum modulo 2^64 is Σ n·q, which lies between −2^63 and 2^63.
 *
 * `foldSum` does to Σ n·q exactly what `foldRange` does (exact_sum.ts), so masked and unmasked folds of the same updates
 * are equal bit for bit.
 *
 * Why halves: V8's last compiler makes 64-bit integers of BigInts, but the one before it may take such a loop into its
 * caller's code and keep it there, where each value becomes an object: a sum then takes fifteen times as long, after some
 * rounds. 32-bit halves take the same time in both (bench/masks.ts shows it with n = 50).
 */
import type { Layout } from "../../model/layout.ts";
import { ProtocolError } from "../protocol/errors.ts";
import type { Scale } from "../protocol/messages.ts";
import { blocksIn, BOUNDS, checkDelta, checkScale, expectLength, ROUNDER, tensorAt } from "./exact_sum.ts";

const WORD = 2 ** 32;

/** Where a stretch lies in the vector, and with which exponents it is summed. */
interface Place {
  layout: Layout;
  scale: Scale;
  /** Element of the vector that the stretch begins with. */
  first: number;
}

/**
 * n·q of a stretch of an update, q = round-half-even(Δ · 2^s), modulo 2^64.
 * @param values Δ, f32, checked as by `checkDelta` before anything is made of it.
 * @param options `examples` n ≥ 1; `out` receives the result and may be longer.
 * @throws {ProtocolError} `out_of_range`, naming the tensor. @throws {RangeError} on lengths, n or exponents.
 */
export function fixedPoint(
  values: Float32Array,
  options: Place & { examples: number; out: BigUint64Array<ArrayBuffer> },
): void {
  const { layout, scale, first, examples, out } = options;
  checkScale(examples, scale);
  if (out.length < values.length) expectLength("room for an update", out.length, values.length);
  checkDelta(values, layout, first);
  for (const { block, from, to } of blocksIn(layout, { first, count: values.length })) {
    multiply(values.subarray(from, to), out.subarray(from, to), { examples, factor: 2 ** scale[block] });
  }
}

function multiply(
  values: Float32Array,
  out: BigUint64Array<ArrayBuffer>,
  { examples, factor }: { examples: number; factor: number },
): void {
  const halves = halvesOf(out);
  for (let i = 0; i < values.length; i++) {
    const q = (values[i] * factor + ROUNDER) - ROUNDER;
    const product = examples * q;
    if (Math.abs(product) < 2 ** 53) {
      // A number that is stored as int32 loses all multiples of 2^32, which is what both halves need.
      halves[2 * i] = product;
      halves[2 * i + 1] = Math.floor(product / WORD);
    } else {
      out[i] = BigInt.asUintN(64, BigInt(examples) * BigInt(q));
    }
  }
}

/** Adds `from` to the first values of `into`, modulo 2^64. */
export function addModular(into: BigUint64Array<ArrayBuffer>, from: BigUint64Array<ArrayBuffer>): void {
  const to = halvesOf(into), added = halvesOf(from);
  for (let i = 0; i < added.length; i += 2) {
    const x = to[i], y = added[i], low = (x + y) | 0;
    // The highest bit of this tells whether the low halves, as unsigned numbers, have passed 2^32.
    const carry = ((x & y) | ((x | y) & ~low)) >>> 31;
    to[i] = low;
    to[i + 1] += added[i + 1] + carry;
  }
}

/** Takes `from` away from the first values of `into`, modulo 2^64. */
export function subtractModular(into: BigUint64Array<ArrayBuffer>, from: BigUint64Array<ArrayBuffer>): void {
  const to = halvesOf(into), taken = halvesOf(from);
  for (let i = 0; i < taken.length; i += 2) {
    const x = to[i], y = taken[i], low = (x - y) | 0;
    const borrow = ((~x & y) | ((~x | y) & low)) >>> 31;
    to[i] = low;
    to[i + 1] -= taken[i + 1] + borrow;
  }
}

/** The low half of each value, then its high half. */
function halvesOf({ buffer, byteOffset, length }: BigUint64Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  return new Int32Array(buffer, byteOffset, 2 * length);
}

/**
 * The new values of a stretch, f32(f64(old) + f64(Σ n·q) / (N · 2^s)).
 * @param base Old values, (n) f32.
 * @param sum Σ n·q modulo 2^64, (n).
 * @param options `total` N ≥ 1, the training images of the silos whose q is in the sum with steps; `out` receives the
 * result, (n) f32, and may be `base` itself.
 * @throws {ProtocolError} `out_of_range`, naming the tensor, where the mean change is one that no silo may make.
 * @throws {RangeError} on lengths, N or exponents.
 */
export function foldSum(
  base: Float32Array,
  sum: BigUint64Array<ArrayBuffer>,
  options: Place & { total: number; out: Float32Array },
): Float32Array {
  const { layout, scale, first, total, out } = options;
  checkScale(total, scale);
  expectLength("a sum", sum.length, base.length);
  expectLength("the result", out.length, base.length);
  const low = new Uint32Array(sum.buffer, sum.byteOffset, 2 * sum.length);
  const high = halvesOf(sum);
  for (const { block, from, to } of blocksIn(layout, { first, count: base.length })) {
    const divisor = total * 2 ** scale[block];
    const bound = BOUNDS[block] * divisor;
    for (let i = from; i < to; i++) {
      // The high part is exact, so this sum is rounded once, as f64(int64) is.
      const value = high[2 * i + 1] * WORD + low[2 * i];
      if (!(Math.abs(value) < bound)) {
        throw outOfRange(value / divisor, { ...options, block, index: first + i });
      }
      out[i] = base[i] + value / divisor;
    }
  }
  return out;
}

function outOfRange(
  change: number,
  { layout, block, index }: { layout: Layout; block: keyof Scale; index: number },
): ProtocolError {
  return new ProtocolError("out_of_range", {
    expected: `a mean change below ${BOUNDS[block]} in ${tensorAt(layout, index)}`,
    got: String(change),
    remedy:
      "a silo has masked for others than those in the sum, or a file is damaged; nobody can see whose: look at " +
      "what the silos print, then begin again with --new",
  });
}
