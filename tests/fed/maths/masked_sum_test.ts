import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { BOUNDS, foldStretch, scaleFor, type WeightedDelta } from "../../../src/fed/maths/exact_sum.ts";
import { addModular, fixedPoint, foldSum, subtractModular } from "../../../src/fed/maths/masked_sum.ts";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import { layoutOfTwo } from "../../testing/masked_updates.ts";

const ENTIRE = 2n ** 64n;
/** Stretches of eight that may lie before, across and behind the border. */
const LAYOUT = layoutOfTwo(12, 24), COUNT = 8;
const NONE = new BigUint64Array(0);

function roundHalfEven(x: number): bigint {
  const floor = Math.floor(x), rest = x - floor;
  return BigInt(floor) + (rest > 0.5 || (rest === 0.5 && floor % 2 !== 0) ? 1n : 0n);
}

function bits(values: Float32Array): number[] {
  return [...new Uint32Array(values.buffer, values.byteOffset, values.length)];
}

/** The fold of updates as masked silos and their aggregator do it. */
function foldMasked(
  base: Float32Array,
  updates: readonly WeightedDelta[],
  options: { first: number; masks?: readonly BigUint64Array<ArrayBuffer>[] },
): Float32Array {
  const { first, masks = [] } = options;
  const total = updates.reduce((sum, { examples }) => sum + examples, 0), scale = scaleFor(total);
  const sent = updates.map(({ values, examples }, k) => {
    const y = new BigUint64Array(values.length);
    fixedPoint(values, { layout: LAYOUT, scale, first, examples, out: y });
    // Each silo adds what it shares with the next one, and takes away what it shares with the one before.
    if (k < updates.length - 1) addModular(y, masks[k] ?? NONE);
    if (k > 0) subtractModular(y, masks[k - 1] ?? NONE);
    return y;
  });
  const sum = sent[0].slice();
  for (const y of sent.slice(1)) addModular(sum, y);
  return foldSum(base, sum, { layout: LAYOUT, scale, first, total, out: new Float32Array(base.length) });
}

function foldOpenly(base: Float32Array, updates: readonly WeightedDelta[], first: number): Float32Array {
  const scale = scaleFor(updates.reduce((sum, { examples }) => sum + examples, 0));
  return foldStretch(base, updates, { layout: LAYOUT, scale, first, out: new Float32Array(base.length) });
}

const belowBound = Math.fround(1024 - 2 ** -14);
const anyDelta = fc.oneof(
  fc.float({ noNaN: true, min: -belowBound, max: belowBound }),
  fc.float({ noNaN: true, min: Math.fround(-1e-3), max: Math.fround(1e-3) }),
  fc.integer({ min: -(2 ** 23), max: 2 ** 23 }).map((k) => k * 2 ** -33),
  fc.integer({ min: -(2 ** 23), max: 2 ** 23 }).map((k) => k * 2 ** -21),
  fc.constantFrom(belowBound, -belowBound, 0, -0, 1e-40),
);
const anyUpdates = fc.array(
  fc.record({
    weight: fc.integer({ min: 1, max: 1000 }),
    values: fc.array(anyDelta, { minLength: COUNT, maxLength: COUNT }),
  }),
  { minLength: 1, maxLength: 9 },
);
const anyTotal = fc.oneof(
  fc.integer({ min: 9000, max: 2 ** 21 - 1 }),
  fc.constantFrom(2 ** 21 - 1, 2 ** 21, 2 ** 27, 2 ** 32),
);

/** Counts in about the proportion of the weights that add up to `total`. */
function countsOf(weights: readonly number[], total: number): number[] {
  const sum = weights.reduce((a, b) => a + b);
  const counts = weights.map((weight) => Math.max(1, Math.floor(weight / sum * (total - weights.length))));
  counts[0] += total - counts.reduce((a, b) => a + b);
  return counts;
}

Deno.test("foldSum: masked and unmasked folds of the same updates are equal bit for bit", () => {
  const stretch = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), {
    minLength: COUNT,
    maxLength: COUNT,
  });
  const mask = fc.bigUint64Array({ minLength: COUNT, maxLength: COUNT }).map((drawn) => drawn.slice());
  const anyMasks = fc.array(mask, {
    minLength: 8,
    maxLength: 8,
  });
  const anyFirst = fc.constantFrom(0, 4, 8, 11, 12, 16);
  fc.assert(
    fc.property(stretch, anyUpdates, anyTotal, anyFirst, anyMasks, (old, drawn, total, first, masks) => {
      const counts = countsOf(drawn.map(({ weight }) => weight), total);
      const updates = drawn.map(({ values }, k) => ({
        values: Float32Array.from(values, (value, i) => first + i < LAYOUT.weights ? value : value * 4095),
        examples: counts[k],
      }));
      const base = Float32Array.from(old);
      const expected = bits(foldOpenly(base, updates, first));
      assertEquals(bits(foldMasked(base, updates, { first })), expected);
      assertEquals(bits(foldMasked(base, updates, { first, masks })), expected);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("foldSum: at the largest allowed values of one silo and of many, both folds are equal", () => {
  const wide = 2 ** 22 - 0.25;
  for (
    const counts of [[2 ** 21 - 1], [2 ** 21], [2 ** 32], [2 ** 20, 2 ** 20 - 1], [699_051, 699_050, 699_050]]
  ) {
    for (const sign of [1, -1]) {
      const values = Float32Array.from({ length: COUNT }, (_, i) => sign * (i < 4 ? belowBound : wide));
      const updates = counts.map((examples) => ({ values, examples }));
      const base = new Float32Array(COUNT).fill(1e-3);
      assertEquals(bits(foldMasked(base, updates, { first: 8 })), bits(foldOpenly(base, updates, 8)));
    }
  }
});

Deno.test("foldSum: a silo without steps adds nothing to the sum, and its images are not in N", () => {
  const values = Float32Array.from({ length: COUNT }, (_, i) => i * 1e-3);
  const base = new Float32Array(COUNT).fill(0.5);
  const one = [{ values, examples: 300 }];
  const masks = [new BigUint64Array(COUNT).fill(0xfedcba9876543210n)];
  const scale = scaleFor(300), sum = new BigUint64Array(COUNT);
  fixedPoint(values, { layout: LAYOUT, scale, first: 0, examples: 300, out: sum });
  addModular(sum, masks[0]);
  const idle = new BigUint64Array(COUNT);
  subtractModular(idle, masks[0]);
  addModular(sum, idle);
  const out = foldSum(base, sum, { layout: LAYOUT, scale, first: 0, total: 300, out: base.slice() });
  assertEquals(bits(out), bits(foldOpenly(base, one, 0)));
});

Deno.test("addModular, subtractModular: as BigInt counts modulo 2^64, and one undoes the other", () => {
  const edges = [0n, 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 63n - 1n, 2n ** 63n, ENTIRE - 1n];
  const value = fc.oneof(fc.constantFrom(...edges), fc.bigInt({ min: 0n, max: ENTIRE - 1n }));
  fc.assert(
    fc.property(fc.array(fc.tuple(value, value), { minLength: 1 }), (pairs) => {
      const into = BigUint64Array.from([...pairs.map(([a]) => a), 7n]);
      const from = BigUint64Array.from(pairs, ([, b]) => b);
      addModular(into, from);
      assertEquals([...into], [...pairs.map(([a, b]) => (a + b) % ENTIRE), 7n]);
      subtractModular(into, from);
      assertEquals([...into], [...pairs.map(([a]) => a), 7n]);
      subtractModular(into, from);
      assertEquals([...into], [...pairs.map(([a, b]) => (a - b + ENTIRE) % ENTIRE), 7n]);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("fixedPoint: n times round-half-even(Δ · 2^s) modulo 2^64, on both sides of 2^53", () => {
  fc.assert(
    fc.property(
      fc.array(anyDelta, { minLength: 1 }),
      fc.integer({ min: 1, max: 2 ** 32 }),
      (drawn, examples) => {
        const values = Float32Array.from(drawn), scale = scaleFor(examples);
        const layout = layoutOfTwo(values.length, values.length + 1);
        const out = new BigUint64Array(values.length);
        fixedPoint(values, { layout, scale, first: 0, examples, out });
        const expected = [...values].map((value) =>
          (BigInt(examples) * roundHalfEven(value * 2 ** scale.weights) + ENTIRE) % ENTIRE
        );
        assertEquals([...out], expected);
      },
    ),
    { numRuns: 500 },
  );
});

Deno.test("fixedPoint: what checkDelta refuses is refused, and nothing of the stretch is made", () => {
  const out = new BigUint64Array(COUNT);
  for (const [at, value, text] of [[4, NaN, "b.running_mean"], [3, 1024, "a.weight"]] as const) {
    const values = new Float32Array(COUNT).fill(1);
    values[at] = value;
    const options = { layout: LAYOUT, scale: scaleFor(10), first: 8, examples: 10, out };
    const error = assertThrows(() => fixedPoint(values, options), ProtocolError, text);
    assertEquals(error.code, "out_of_range");
    assertEquals(out, new BigUint64Array(COUNT));
  }
});

Deno.test("foldSum: a sum that no silos could have is refused naming the tensor, from the bound on", () => {
  const layout = layoutOfTwo(1, 2), base = new Float32Array(2), out = new Float32Array(2);
  for (const total of [1, 1500, 2 ** 21 - 1, 2 ** 32]) {
    const scale = scaleFor(total), options = { layout, scale, first: 0, total, out };
    const cases = [["weights", "a.weight", 0], ["statistics", "b.running_mean", 1]] as const;
    for (const [block, name, at] of cases) {
      const bound = BigInt(BOUNDS[block]) * BigInt(total) * BigInt(2 ** scale[block]);
      for (const [sum, fits] of [[bound, false], [-bound, false], [bound - 2n ** 11n, true]] as const) {
        const values = new BigUint64Array(2);
        values[at] = BigInt.asUintN(64, sum);
        if (fits) foldSum(base, values, options);
        else {
          const error = assertThrows(() => foldSum(base, values, options), ProtocolError, name);
          assertEquals(error.code, "out_of_range");
          assert(error.remedy.includes("--new"));
        }
      }
    }
  }
});

Deno.test("foldSum, fixedPoint: lengths and exponents that do not fit are refused", () => {
  const base = new Float32Array(2), sum = new BigUint64Array(2), out = new Float32Array(2);
  const options = { layout: LAYOUT, scale: scaleFor(5), first: 0, total: 5, out };
  assertThrows(() => foldSum(base, sum.subarray(1), options), RangeError, "a sum of 2 values, got 1");
  assertThrows(() => foldSum(base, sum, { ...options, out: out.subarray(1) }), RangeError, "got 1");
  assertThrows(() => foldSum(base, sum, { ...options, total: 2 ** 21 }), RangeError, "exponent");
  assertThrows(() => foldSum(base, sum, { ...options, total: 0 }), RangeError, "got 0");
  const narrow = { ...options, examples: 1, out: sum.subarray(1) };
  assertThrows(() => fixedPoint(base, narrow), RangeError, "2 values, got 1");
});
