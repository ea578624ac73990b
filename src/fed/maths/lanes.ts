/**
 * The arithmetic of the exact sum over a block of values at a time, in lanes of the processor's vector unit.
 *
 * Each operation is one of IEEE 754, correctly rounded, so that the bits are those of the same loops in JavaScript,
 * which take V8 two to four times as long, whatever the processor. A difference of two f32 needs no f64 on the way:
 * rounding it to 53 bits first changes nothing (Figueroa, 1995: 53 ≥ 2 · 24 + 2).
 */
import { assemble, get, lanes, load, loadHalf, type Loop, OP } from "./assemble.ts";
import { repeat, set, small, store, storeHalf, TYPE } from "./assemble.ts";

/** Most values of a block: with its sums it fits the second-level cache. */
export const BLOCK = 1 << 13;
const LANES = 4;
/** Bytes of a block of f32. */
const BYTES = 4 * BLOCK;
/** Where in the memory each array lies. */
const VALUES = 0, BASE = BYTES, SUMS = 2 * BYTES;
const PAGE = 1 << 16;
const { i32, f64, v128 } = TYPE;

/**
 * A loop over four values at a time: `body` finds their address in local `at`. The first parameter is the number of
 * bytes.
 */
const over = (at: number, body: number[]) =>
  repeat([...body, ...get(at), ...small(16), ...OP.add, ...set(at), ...get(at), ...get(0), ...OP.lessThan]);
/** Address of the sums of the values at an address. */
const doubled = (at: number) => [...get(at), ...small(1), ...OP.shiftLeft];

/** values ← values − base. */
const subtract: Loop = {
  name: "subtract",
  params: [i32],
  locals: [i32],
  body: over(1, [
    ...get(1),
    ...[...get(1), ...load(VALUES), ...get(1), ...load(BASE), ...OP.subtractF32],
    ...store(VALUES),
  ]),
};

/**
 * Whether a value without its sign has more than these bits: those of floats are integers in the same order, with
 * infinity and NaN last.
 */
const exceed: Loop = {
  name: "exceed",
  params: [i32, i32],
  result: i32,
  locals: [i32, v128, v128],
  body: [
    ...[...get(1), ...OP.splatI32, ...set(3)],
    ...over(2, [
      ...[...get(3), ...get(2), ...load(VALUES), ...lanes(0x7fffffff), ...OP.and, ...OP.subtractI32],
      ...[...get(4), ...OP.or, ...set(4)],
    ]),
    ...[...get(4), ...OP.signs],
  ],
};

/** sums ← sums + examples · round-half-even(values · factor), two values at a time. */
const add: Loop = {
  name: "add",
  params: [i32, f64, f64],
  locals: [i32, v128, v128],
  body: [
    ...[...get(1), ...OP.splatF64, ...set(4), ...get(2), ...OP.splatF64, ...set(5)],
    ...over(
      3,
      [0, 1].flatMap((half) => [
        ...doubled(3),
        ...[...get(3), ...loadHalf(VALUES + 8 * half), ...OP.widen, ...get(4), ...OP.multiplyF64],
        ...[...OP.nearest, ...get(5), ...OP.multiplyF64],
        ...[...doubled(3), ...load(SUMS + 16 * half), ...OP.addF64],
        ...store(SUMS + 16 * half),
      ]),
    ),
  ],
};

/** base ← f32(base + sums / divisor), two values at a time. */
const finish: Loop = {
  name: "finish",
  params: [i32, f64],
  locals: [i32, v128],
  body: [
    ...[...get(1), ...OP.splatF64, ...set(3)],
    ...over(
      2,
      [0, 1].flatMap((half) => [
        ...get(2),
        ...[...get(2), ...loadHalf(BASE + 8 * half), ...OP.widen],
        ...[...doubled(2), ...load(SUMS + 16 * half), ...get(3), ...OP.divideF64, ...OP.addF64, ...OP.narrow],
        ...storeHalf(BASE + 8 * half),
      ]),
    ),
  ],
};

const { exports } = new WebAssembly.Instance(
  new WebAssembly.Module(assemble([subtract, exceed, add, finish], 4 * BYTES / PAGE)),
);
const unit = exports as unknown as {
  memory: WebAssembly.Memory;
  subtract(bytes: number): void;
  exceed(bytes: number, most: number): number;
  add(bytes: number, factor: number, examples: number): void;
  finish(bytes: number, divisor: number): void;
};
const values = new Float32Array(unit.memory.buffer, VALUES, BLOCK);
const base = new Float32Array(unit.memory.buffer, BASE, BLOCK);
const sums = new Float64Array(unit.memory.buffer, SUMS, BLOCK);

/** Puts a block of at least one value in its place, with zeros up to whole lanes; returns their bytes. */
function take(block: Float32Array, place: Float32Array): number {
  place.set(block);
  const whole = Math.ceil(block.length / LANES) * LANES;
  place.fill(0, block.length, whole);
  return 4 * whole;
}

const float = new Float32Array(1), bits = new Int32Array(float.buffer);

/** The largest bits that a float below the bound, itself a float, may have without its sign. */
function bitsBelow(bound: number): number {
  float[0] = bound;
  return bits[0] - 1;
}

/**
 * Writes `w − g` to `out`, all at most `BLOCK` long; returns whether each is below the bound.
 * @param out May be `w` itself.
 */
export function subtractBlock(w: Float32Array, g: Float32Array, out: Float32Array, bound: number): boolean {
  take(g, base);
  const bytes = take(w, values);
  unit.subtract(bytes);
  out.set(values.subarray(0, out.length));
  return unit.exceed(bytes, bitsBelow(bound)) === 0;
}

/** Whether each of at most `BLOCK` values is a number below the bound. */
export function areBelow(block: Float32Array, bound: number): boolean {
  return unit.exceed(take(block, values), bitsBelow(bound)) === 0;
}

/** Begins sums of n·q for so many values. */
export function beginSums(count: number): void {
  sums.fill(0, 0, count);
}

/** Adds n·q of a block, q = round-half-even(Δ · factor); false, with the sums spoiled, unless each |Δ| is below `bound`. */
export function addBlock(
  block: Float32Array,
  { examples, factor, bound }: { examples: number; factor: number; bound: number },
): boolean {
  const bytes = take(block, values);
  unit.add(bytes, factor, examples);
  return unit.exceed(bytes, bitsBelow(bound)) === 0;
}

/** Writes f32(old + Σ n·q / divisor) to `out`, which may be `old` itself. */
export function finishBlock(old: Float32Array, divisor: number, out: Float32Array): void {
  unit.finish(take(old, base), divisor);
  out.set(base.subarray(0, out.length));
}
