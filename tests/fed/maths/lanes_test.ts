import { assertEquals } from "@std/assert";
import {
  addBlock,
  areBelow,
  beginSums,
  BLOCK,
  finishBlock,
  subtractBlock,
} from "../../../src/fed/maths/lanes.ts";
import { seeded } from "../../testing/random.ts";

const LENGTHS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 1000, BLOCK - 1, BLOCK];
const LARGEST = 2 ** 127 * (2 - 2 ** -23);

const finite = (x: number) => Number.isFinite(Math.fround(x)) ? x : 0;

/** Floats of any exponent, subnormal ones too, none infinite. */
function anyFloats(length: number, random: () => number): Float32Array {
  const bits = Uint32Array.from({ length }, () => Math.floor(random() * 2 ** 32));
  return new Float32Array(bits.buffer).map(finite);
}

function bitsOf(values: Float32Array): number[] {
  return [...new Uint32Array(values.buffer, values.byteOffset, values.length)];
}

Deno.test("subtractBlock: f32(f64(w) − f64(g)) of any floats, as JavaScript rounds it", () => {
  const random = seeded(11);
  for (const length of [...LENGTHS, ...new Array(20).fill(BLOCK)]) {
    const w = anyFloats(length, random), far = anyFloats(length, random);
    // Neighbours too: there the difference is exact, or its rounding close.
    const near = (i: number) => finite(w[i] * (1 + (random() - 0.5) * 2 ** -(i % 40)));
    const g = far.map((x, i) => i % 2 ? near(i) : x);
    const out = new Float32Array(length);
    subtractBlock(w, g, out, LARGEST);
    assertEquals(bitsOf(out), bitsOf(w.map((x, i) => x - g[i])));
  }
});

Deno.test("subtractBlock: says whether all differences are below the bound, and may write over w", () => {
  for (const length of LENGTHS) {
    for (const at of new Set([0, length >> 1, length - 1])) {
      const w = new Float32Array(length).fill(3), g = new Float32Array(length).fill(1);
      w[at] = 8.5;
      assertEquals(subtractBlock(w, g, new Float32Array(length), 7.5), false);
      w[at] = -6;
      assertEquals(subtractBlock(w, g, w, 7.5), true);
      assertEquals(w[at], -7);
    }
  }
});

Deno.test("areBelow: the bound itself, infinities and NaN are not, wherever they stand; what stood there before is forgotten", () => {
  const bound = 1024, under = bound - 2 ** -14;
  for (const length of LENGTHS) {
    for (const at of new Set([0, length >> 1, length - 1])) {
      for (const [value, expected] of [[under, true], [-under, true], [-0, true], [1e-45, true]] as const) {
        assertEquals(areBelow(new Float32Array(length).fill(value, at, at + 1), bound), expected);
      }
      for (const value of [bound, -bound, 1e30, Infinity, -Infinity, NaN]) {
        assertEquals(areBelow(new Float32Array(length).fill(value, at, at + 1), bound), false, `${value}`);
        if (at > 0) assertEquals(areBelow(new Float32Array(at), bound), true);
      }
    }
  }
});

Deno.test("addBlock, finishBlock: as the same sums in JavaScript; a value from the bound on is told", () => {
  const random = seeded(12);
  for (const length of LENGTHS) {
    const old = anyFloats(length, random).map((x) => Math.abs(x) < 1e6 ? x : 1);
    const updates = [700, 1, 2 ** 20].map((examples) => ({
      examples,
      // Among them halves, which round to the even neighbour.
      values: Float32Array.from(
        { length },
        (_, i) => i % 3 ? (random() - 0.5) * 0.01 : Math.round(random() * 1000) * 2 ** -33,
      ),
    }));
    const factor = 2 ** 32, divisor = (701 + 2 ** 20) * factor;
    beginSums(length);
    for (const { values, examples } of updates) {
      assertEquals(addBlock(values, { examples, factor, bound: 1 / 128 }), true);
    }
    const out = new Float32Array(length);
    finishBlock(old, divisor, out);
    const expected = old.map((x, i) => {
      const sum = updates.reduce(
        (sum, { values, examples }) => sum + examples * halfEven(values[i] * factor),
        0,
      );
      return x + sum / divisor;
    });
    assertEquals(bitsOf(out), bitsOf(expected));
    updates[0].values[length - 1] = -1 / 128;
    assertEquals(addBlock(updates[0].values, { examples: 1, factor, bound: 1 / 128 }), false);
  }
});

function halfEven(x: number): number {
  const floor = Math.floor(x), rest = x - floor;
  return floor + (rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? 1 : 0);
}
