/**
 * The exact sum: Δ → fixed point q = round-half-even(Δ · 2^s), Σ n·q as an integer below 2^63, new =
 * f32(f64(old) + f64(Σ n·q) / (N · 2^s)). The result does not depend on the order in which updates arrive, and one
 * silo federated equals `fedx local` bit for bit, since both call these functions.
 *
 * Why doubles: |Δ| < 2^10 gives |q| < 2^42, which a double holds exactly. Split as q = h·2^21 + l with 0 ≤ l < 2^21,
 * both Σ n·h and Σ n·l stay below 2^53 and are exact in any order; the one addition 2^21·Σnh + Σnl is then correctly
 * rounded by IEEE 754, as a conversion of the int64 sum to f64 is. Where all |Δ| are so small that Σ n·|q| stays below
 * 2^53 anyway, as in practice, Σ n·q is exact without the split, which takes a third of the time.
 */
import type { Layout } from "../../model/layout.ts";
import { ProtocolError } from "../protocol/errors.ts";
import type { Scale } from "../protocol/messages.ts";

/** Exponents while Σ n < 2^21; each doubling of Σ n above takes one from both. */
const EXPONENTS: Scale = { weights: 32, statistics: 20 };
/** |Δ| must stay below: 2^42 as fixed point with the exponents above. */
export const BOUNDS: Readonly<Record<keyof Scale, number>> = { weights: 1024, statistics: 2 ** 22 };
/** Adding and taking it away rounds |x| < 2^51 half-even to an integer. */
export const ROUNDER = 1.5 * 2 ** 52;
const SPLIT = 2 ** 21;
/** Elements summed at a time, so that the accumulators stay in the first-level cache. */
const BLOCK = 1024;
/** Elements subtracted before they are checked, so that the second-level cache still holds them. */
const CHECKED = 1 << 14;

/** One silo's update, or a stretch of it. */
export interface WeightedDelta {
  /** Δ, f32. */
  values: Float32Array;
  /** Training images n ≥ 1. */
  examples: number;
}

/**
 * A row's exponents for Σ n training images.
 * @throws {RangeError} unless 1 ≤ Σ n ≤ 2^32.
 */
export function scaleFor(totalExamples: number): Scale {
  if (!Number.isInteger(totalExamples) || totalExamples < 1 || totalExamples > 2 ** 32) {
    throw new RangeError(`Cannot scale the sum: expected 1 … 2^32 training images, got ${totalExamples}`);
  }
  let lower = 0;
  while (totalExamples >= 2 ** (21 + lower)) lower++;
  return { weights: EXPONENTS.weights - lower, statistics: EXPONENTS.statistics - lower };
}

/**
 * Δ = f32(f64(w) − f64(g)), each checked: finite, below 1024 (weights) or 2^22 (statistics).
 * @param out Receives it and is returned; may be `w` itself. @default a new array
 * @throws {ProtocolError} `out_of_range`, naming the tensor.
 */
export function delta(
  w: Float32Array,
  g: Float32Array,
  layout: Layout,
  out: Float32Array = new Float32Array(layout.length),
): Float32Array {
  for (const vector of [w, g, out]) expectLength("a vector", vector.length, layout.length);
  for (let first = 0; first < out.length; first += CHECKED) {
    const end = Math.min(first + CHECKED, out.length);
    for (let i = first; i < end; i++) out[i] = w[i] - g[i];
    checkDelta(out.subarray(first, end), layout, first);
  }
  return out;
}

/**
 * Checks a stretch of an update, `values[0]` being element `first` of the vector.
 * @throws {ProtocolError} `out_of_range`, naming the tensor.
 * @default first 0
 */
export function checkDelta(values: Float32Array, layout: Layout, first = 0): void {
  for (const { block, from, to } of blocksIn(layout, { first, count: values.length })) {
    const bad = outside(values, { from, to, bound: BOUNDS[block] });
    if (bad === undefined) continue;
    throw new ProtocolError("out_of_range", {
      expected: `changes below ${BOUNDS[block]} in ${tensorAt(layout, first + bad)}`,
      got: String(values[bad]),
    });
  }
}

/** What of a stretch has one exponent and one bound: `from` and `to` count its own elements. */
export interface BlockOfStretch {
  block: keyof Scale;
  from: number;
  to: number;
}

/** The weights and the statistics of a stretch of `count` values whose first is element `first` of the vector. */
export function blocksIn(
  layout: Layout,
  { first, count }: { first: number; count: number },
): BlockOfStretch[] {
  const border = Math.min(Math.max(layout.weights - first, 0), count);
  const blocks: BlockOfStretch[] = [
    { block: "weights", from: 0, to: border },
    { block: "statistics", from: border, to: count },
  ];
  return blocks.filter(({ from, to }) => from < to);
}

/** The name of the tensor that holds an element of the vector. */
export function tensorAt(layout: Layout, index: number): string {
  const tensor = layout.tensors.find((t) => index >= t.offset && index < t.offset + t.length);
  return tensor?.name ?? `element ${index}`;
}

/**
 * Index of the first value that is NaN or not below the bound.
 *
 * Without their sign the bits of floats are integers in the same order, with infinity and NaN last: one subtraction for
 * each value and no branch.
 */
function outside(
  values: Float32Array,
  range: { from: number; to: number; bound: number },
): number | undefined {
  const { from, to, bound } = range;
  const bits = new Int32Array(values.buffer, values.byteOffset + 4 * from, to - from);
  const most = new Int32Array(Float32Array.of(bound).buffer)[0] - 1;
  let sign = 0;
  for (let i = 0; i < bits.length; i++) sign |= most - (bits[i] & 0x7fffffff);
  if (sign >= 0) return;
  for (let i = from; i < to; i++) if (!(Math.abs(values[i]) < bound)) return i;
}

/**
 * The new values of one stretch that has one exponent. Inputs must have passed `checkDelta`.
 * @param base Old values, (n) f32.
 * @param updates Their Δ, each (n) f32.
 * @param options `exponent` s; `out` receives the result, (n) f32, and may be `base` itself.
 * @returns `out`.
 */
export function foldRange(
  base: Float32Array,
  updates: readonly WeightedDelta[],
  options: { exponent: number; out?: Float32Array },
): Float32Array {
  const { exponent, out = new Float32Array(base.length) } = options;
  const total = totalExamples(updates);
  const factor = 2 ** exponent, divisor = total * factor;
  // |q| ≤ |Δ|·2^s + ½.
  const small = (2 ** 53 / total - 1) / factor;
  for (const { values } of updates) expectLength("an update", values.length, base.length);
  expectLength("the result", out.length, base.length);
  const sum = new Float64Array(BLOCK);
  for (let first = 0; first < base.length; first += BLOCK) {
    const count = Math.min(BLOCK, base.length - first);
    const block = { first, count, factor, sum };
    sum.fill(0);
    if (!updates.every((update) => addSmall(update, { ...block, small }))) addLarge(updates, block);
    for (let i = 0; i < count; i++) out[first + i] = base[first + i] + sum[i] / divisor;
  }
  return out;
}

/** The elements of one block: where they begin, how many they are, 2^s, and their Σ n·q. */
interface Block {
  first: number;
  count: number;
  factor: number;
  sum: Float64Array;
}

/** Adds n·q; false, with the sum spoiled, where a |Δ| is not below `small`. */
function addSmall({ values, examples }: WeightedDelta, block: Block & { small: number }): boolean {
  const { first, count, factor, sum, small } = block;
  for (let i = 0; i < count; i++) {
    const value = values[first + i];
    if (!(Math.abs(value) < small)) return false;
    sum[i] += examples * ((value * factor + ROUNDER) - ROUNDER);
  }
  return true;
}

/** Σ n·q in two exact parts. */
function addLarge(updates: readonly WeightedDelta[], { first, count, factor, sum }: Block): void {
  const high = new Float64Array(count), low = new Float64Array(count);
  for (const { values, examples } of updates) {
    for (let i = 0; i < count; i++) {
      const q = (values[first + i] * factor + ROUNDER) - ROUNDER;
      const h = Math.floor(q / SPLIT);
      high[i] += examples * h;
      low[i] += examples * (q - h * SPLIT);
    }
  }
  // high·2^21 is exact, so this sum is rounded once, as f64(int64) is.
  for (let i = 0; i < count; i++) sum[i] = high[i] * SPLIT + low[i];
}

/**
 * The new vector from whole updates in memory, as `fedx local` has them.
 * @throws {ProtocolError} `out_of_range`. @throws {RangeError} on lengths or example counts.
 */
export function fold(
  base: Float32Array,
  updates: readonly WeightedDelta[],
  options: { layout: Layout; scale: Scale },
): Float32Array {
  const { layout } = options;
  expectLength("the base", base.length, layout.length);
  const out = new Float32Array(layout.length);
  return foldStretch(base, updates, { ...options, first: 0, out });
}

/**
 * The new values of a stretch that may cross from weights to statistics; `base[0]` is element `first`.
 * @throws {ProtocolError} `out_of_range`.
 */
export function foldStretch(
  base: Float32Array,
  updates: readonly WeightedDelta[],
  options: { layout: Layout; scale: Scale; first: number; out: Float32Array },
): Float32Array {
  const { layout, scale, first, out } = options;
  checkScale(totalExamples(updates), scale);
  for (const { values } of updates) {
    expectLength("an update", values.length, base.length);
    checkDelta(values, layout, first);
  }
  for (const { block, from, to } of blocksIn(layout, { first, count: base.length })) {
    const deltas = updates.map(({ values, examples }) => ({ values: values.subarray(from, to), examples }));
    foldRange(base.subarray(from, to), deltas, { exponent: scale[block], out: out.subarray(from, to) });
  }
  return out;
}

function totalExamples(updates: readonly WeightedDelta[]): number {
  if (updates.length === 0) throw new RangeError("Cannot fold: expected at least one update, got none");
  let total = 0;
  for (const { examples } of updates) {
    if (!Number.isInteger(examples) || examples < 1) {
      throw new RangeError(`Cannot fold: expected a count of training images ≥ 1, got ${examples}`);
    }
    total += examples;
  }
  return total;
}

/** Larger exponents than `scaleFor` gives could overflow the int64 sum. @throws {RangeError} */
export function checkScale(total: number, scale: Scale): void {
  const most = scaleFor(total);
  for (const block of ["weights", "statistics"] as const) {
    if (scale[block] < 0 || scale[block] > most[block]) {
      throw new RangeError(
        `Cannot fold ${total} training images: expected an exponent of 0 … ${
          most[block]
        } for the ${block}, ` +
          `got ${scale[block]}`,
      );
    }
  }
}

/** @throws {RangeError} */
export function expectLength(what: string, got: number, expected: number): void {
  if (got !== expected) {
    throw new RangeError(`Cannot fold: expected ${what} of ${expected} values, got ${got}`);
  }
}
