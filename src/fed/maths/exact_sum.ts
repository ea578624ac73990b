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
import { addBlock, areBelow, beginSums, BLOCK, finishBlock, subtractBlock } from "./lanes.ts";

/** Exponents while Σ n < 2^21; each doubling of Σ n above takes one from both. */
const EXPONENTS: Scale = { weights: 32, statistics: 20 };
/** |Δ| must stay below: 2^42 as fixed point with the exponents above. */
export const BOUNDS: Readonly<Record<keyof Scale, number>> = { weights: 1024, statistics: 2 ** 22 };
/** Adding and taking it away rounds |x| < 2^51 half-even to an integer. */
export const ROUNDER = 1.5 * 2 ** 52;
const SPLIT = 2 ** 21;

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
  for (const { block, from, to } of blocksIn(layout, { first: 0, count: layout.length })) {
    for (let first = from; first < to; first += BLOCK) {
      const end = Math.min(first + BLOCK, to);
      const change = out.subarray(first, end);
      if (subtractBlock(w.subarray(first, end), g.subarray(first, end), change, BOUNDS[block])) continue;
      checkDelta(change, layout, first);
    }
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

/** Index of the first value that is NaN or not below the bound. */
function outside(
  values: Float32Array,
  { from, to, bound }: { from: number; to: number; bound: number },
): number | undefined {
  for (let first = from; first < to; first += BLOCK) {
    const end = Math.min(first + BLOCK, to);
    if (areBelow(values.subarray(first, end), bound)) continue;
    for (let i = first; i < end; i++) if (!(Math.abs(values[i]) < bound)) return i;
  }
}

/**
 * The new values of one stretch that has one exponent.
 * @param base Old values, (n) f32.
 * @param updates Their Δ, each (n) f32.
 * @param options `exponent` s; `out` receives the result, (n) f32, and may be `base` itself. Without `unchecked` all must
 * have passed `checkDelta`; with it `check` is shown every block that may hold a |Δ| from `bound` on, and where it begins.
 * @returns `out`.
 */
export function foldRange(
  base: Float32Array,
  updates: readonly WeightedDelta[],
  options: {
    exponent: number;
    out?: Float32Array;
    unchecked?: { bound: number; check: (values: Float32Array, first: number) => void };
  },
): Float32Array {
  const { exponent, out = new Float32Array(base.length), unchecked } = options;
  const total = totalExamples(updates);
  const factor = 2 ** exponent, divisor = total * factor;
  // |q| ≤ |Δ|·2^s + ½; a power of two is exact as f32.
  const small = 2 ** Math.floor(Math.log2((2 ** 53 / total - 1) / factor));
  const bound = Math.min(small, unchecked?.bound ?? Infinity);
  for (const { values } of updates) expectLength("an update", values.length, base.length);
  expectLength("the result", out.length, base.length);
  for (let first = 0; first < base.length; first += BLOCK) {
    const end = Math.min(first + BLOCK, base.length);
    const of = (vector: Float32Array) => vector.subarray(first, end);
    beginSums(end - first);
    if (updates.every(({ values, examples }) => addBlock(of(values), { examples, factor, bound }))) {
      finishBlock(of(base), divisor, of(out));
      continue;
    }
    const parts = updates.map(({ values, examples }) => ({ values: of(values), examples }));
    for (const { values } of parts) unchecked?.check(values, first);
    foldLarge(of(base), parts, { factor, divisor, out: of(out) });
  }
  return out;
}

/** The new values of a block from Σ n·q in two exact parts. */
function foldLarge(
  base: Float32Array,
  updates: readonly WeightedDelta[],
  { factor, divisor, out }: { factor: number; divisor: number; out: Float32Array },
): void {
  const high = new Float64Array(base.length), low = new Float64Array(base.length);
  for (const { values, examples } of updates) {
    for (let i = 0; i < values.length; i++) {
      const q = (values[i] * factor + ROUNDER) - ROUNDER;
      const h = Math.floor(q / SPLIT);
      high[i] += examples * h;
      low[i] += examples * (q - h * SPLIT);
    }
  }
  // high·2^21 is exact, so the sum of both is rounded once, as f64(int64) is.
  for (let i = 0; i < base.length; i++) out[i] = base[i] + (high[i] * SPLIT + low[i]) / divisor;
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
 * @throws {ProtocolError} `out_of_range`; what stands in `out` then is of no use.
 */
export function foldStretch(
  base: Float32Array,
  updates: readonly WeightedDelta[],
  options: { layout: Layout; scale: Scale; first: number; out: Float32Array },
): Float32Array {
  const { layout, scale, first, out } = options;
  checkScale(totalExamples(updates), scale);
  for (const { values } of updates) expectLength("an update", values.length, base.length);
  for (const { block, from, to } of blocksIn(layout, { first, count: base.length })) {
    const of = (vector: Float32Array) => vector.subarray(from, to);
    const check = (values: Float32Array, at: number) => checkDelta(values, layout, first + from + at);
    foldRange(of(base), updates.map(({ values, examples }) => ({ values: of(values), examples })), {
      exponent: scale[block],
      out: of(out),
      unchecked: { bound: BOUNDS[block], check },
    });
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
