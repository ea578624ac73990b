import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  BOUNDS,
  checkDelta,
  delta,
  fold,
  foldRange,
  scaleFor,
  type WeightedDelta,
} from "../../../src/fed/maths/exact_sum.ts";
import { BLOCK } from "../../../src/fed/maths/lanes.ts";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import type { Layout, Tensor } from "../../../src/model/layout.ts";
import { seeded } from "../../testing/random.ts";

/** Two weights and a statistic, `length` values each. */
function layoutOfThree(length: number): Layout {
  const tensor = (name: string, at: number, kind: Tensor["kind"]): Tensor => ({
    name,
    shape: [length],
    offset: at * length,
    length,
    kind,
    group: "backbone",
  });
  const tensors = [
    tensor("a", 0, "weight"),
    tensor("b", 1, "weight"),
    tensor("c.running_var", 2, "statistic"),
  ];
  return { network: "efficientnet_b0", channels: 1, tensors, length: 3 * length, weights: 2 * length };
}

/** The definition, element by element in BigInt. */
function reference(base: number, updates: { value: number; examples: number }[], exponent: number): number {
  let sum = 0n, total = 0;
  for (const { value, examples } of updates) {
    sum += BigInt(examples) * roundHalfEven(value * 2 ** exponent);
    total += examples;
  }
  assertEquals(BigInt.asIntN(64, sum), sum, "the int64 sum must not wrap");
  return Math.fround(base + Number(sum) / (total * 2 ** exponent));
}

function roundHalfEven(x: number): bigint {
  const floor = Math.floor(x);
  const rest = x - floor;
  const up = rest > 0.5 || (rest === 0.5 && floor % 2 !== 0);
  return BigInt(floor) + (up ? 1n : 0n);
}

function expectEqualBits(got: Float32Array, expected: number[]): void {
  const bits = (v: Float32Array) => [...new Uint32Array(v.buffer, v.byteOffset, v.length)];
  assertEquals(bits(got), bits(Float32Array.from(expected)));
}

function compare(base: Float32Array, updates: WeightedDelta[], exponent: number): void {
  const expected = [...base].map((old, i) =>
    reference(old, updates.map(({ values, examples }) => ({ value: values[i], examples })), exponent)
  );
  expectEqualBits(foldRange(base, updates, { exponent }), expected);
}

/** The f32 just below a bound. */
function below(bound: number): number {
  return bound - bound * 2 ** -24;
}

Deno.test("foldRange: equals the BigInt definition at the largest allowed values", () => {
  const top = below(BOUNDS.weights), wide = below(BOUNDS.statistics);
  const corner = [top, -top, top, -top, 2 ** -33, -(2 ** -33), 2 ** -32, 3 * 2 ** -33, 1e-40, 0, -0];
  const base = Float32Array.from(corner, (_, i) => i % 2 ? 1 : -1e-3);
  for (const counts of [[2 ** 21 - 1], [2 ** 20, 2 ** 20 - 1], [1, 2 ** 21 - 2], [699051, 699050, 699050]]) {
    const { weights, statistics } = scaleFor(counts.reduce((a, b) => a + b));
    assertEquals({ weights, statistics }, { weights: 32, statistics: 20 });
    compare(base, counts.map((examples) => ({ values: Float32Array.from(corner), examples })), weights);
    const far = corner.map((x) => Math.abs(x) > 1 ? Math.sign(x) * wide : x);
    compare(base, counts.map((examples) => ({ values: Float32Array.from(far), examples })), statistics);
  }
});

Deno.test("foldRange: equals the BigInt definition with lowered exponents, up to 2^32 images", () => {
  const values = Float32Array.from([below(1024), -below(1024), 3.25e-5, -7.5e-9]);
  for (const total of [2 ** 21, 2 ** 22 + 1, 2 ** 27 - 1, 2 ** 32]) {
    const { weights } = scaleFor(total);
    compare(
      new Float32Array(4).fill(0.1),
      [{ values, examples: total - 1 }, { values, examples: 1 }],
      weights,
    );
  }
});

Deno.test("foldRange: blocks of small changes between blocks with a large one, whose sums need two parts", () => {
  const random = seeded(7);
  const length = 3 * BLOCK + 5;
  const base = Float32Array.from({ length }, () => random() - 0.5);
  const updates = [2 ** 20, 2 ** 20 - 1].map((examples) => ({
    examples,
    values: Float32Array.from({ length }, () => (random() - 0.5) * 1e-2),
  }));
  for (const at of [BLOCK + 1, length - 1]) updates[1].values[at] = below(BOUNDS.weights);
  compare(base, updates, 32);
});

Deno.test("foldRange: a sum that a double cannot hold is in two parts, even just above 2^53", () => {
  // With these counts Σ n·q is 2.75 · N · 2^32 and three; added one by one each of the three would be rounded away.
  const counts = [2 ** 19, 2 ** 18, 1, 1, 1], tiny = 2 ** -32;
  const changes = [2.75, 2.75 + 33 * 2 ** -20, tiny, tiny, tiny];
  const updates = counts.map((examples, k) => ({ examples, values: Float32Array.of(changes[k]) }));
  compare(Float32Array.of(-2.75), updates, 32);
});

const anyDelta = fc.oneof(
  fc.float({ noNaN: true, min: Math.fround(-1023), max: Math.fround(1023) }),
  fc.float({ noNaN: true, min: Math.fround(-1e-3), max: Math.fround(1e-3) }),
  fc.integer({ min: -(2 ** 23), max: 2 ** 23 }).map((k) => k * 2 ** -33),
);
const anyCase = fc.record({
  base: fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 6, maxLength: 6 }),
  updates: fc.array(
    fc.record({
      examples: fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 2 ** 18 })),
      values: fc.array(anyDelta, { minLength: 6, maxLength: 6 }),
    }),
    { minLength: 1, maxLength: 7 },
  ),
});

Deno.test("foldRange: equals the BigInt definition on random updates, in any arrival order", () => {
  fc.assert(
    fc.property(anyCase, ({ base, updates }) => {
      const deltas = updates.map(({ values, examples }) => ({ values: Float32Array.from(values), examples }));
      const old = Float32Array.from(base);
      compare(old, deltas, 32);
      const inOrder = foldRange(old, deltas, { exponent: 32 });
      expectEqualBits(foldRange(old, deltas.toReversed(), { exponent: 32 }), [...inOrder]);
    }),
    { numRuns: 500 },
  );
});

Deno.test("foldRange: one silo stays within ½ulp(Δ) + 2^-(s+1) + ½ulp(new) of unquantised training", () => {
  const random = seeded(5);
  const w = Float32Array.from({ length: 20_000 }, () => (random() - 0.5) * 10 ** (random() * 6 - 4));
  const g = w.map((x) => x + (random() - 0.5) * 10 ** (random() * 6 - 6));
  const values = w.map((x, i) => x - g[i]);
  for (const exponent of [32, 20]) {
    const next = foldRange(g, [{ values, examples: 1731 }], { exponent });
    for (let i = 0; i < w.length; i++) {
      const bound = ulp(values[i]) / 2 + 2 ** -(exponent + 1) + ulp(next[i]) / 2;
      assert(Math.abs(next[i] - w[i]) <= bound * (1 + 1e-9), `element ${i}, exponent ${exponent}`);
    }
  }
});

Deno.test("foldRange: three silos stay within the bound of the float64 weighted mean", () => {
  const random = seeded(6);
  const examples = [1000, 311, 47];
  const g = Float32Array.from({ length: 20_000 }, () => random() - 0.5);
  const trained = examples.map(() => g.map((x) => x + (random() - 0.5) * 1e-2));
  const updates = trained.map((w, k) => ({ values: w.map((x, i) => x - g[i]), examples: examples[k] }));
  const next = foldRange(g, updates, { exponent: 32 });
  for (let i = 0; i < g.length; i++) {
    const mean = trained.reduce((sum, w, k) => sum + examples[k] * w[i], 0) / 1358;
    const bound = Math.max(...updates.map((u) => ulp(u.values[i]))) / 2 + 2 ** -33 + ulp(next[i]) / 2;
    assert(Math.abs(next[i] - mean) <= bound + 1e-15, `element ${i}`);
  }
});

/** Distance from |x| to the next f32. */
function ulp(x: number): number {
  return x === 0 ? 2 ** -149 : 2 ** Math.max(-149, Math.floor(Math.log2(Math.abs(x))) - 23);
}

Deno.test("fold: each block uses its own exponent", () => {
  const layout = layoutOfThree(2000);
  const values = new Float32Array(layout.length).fill(2 ** -24);
  const next = fold(new Float32Array(layout.length), [{ values, examples: 3 }], {
    layout,
    scale: scaleFor(3),
  });
  assertEquals([next[0], next[3999], next[4000], next[5999]], [2 ** -24, 2 ** -24, 0, 0]);
});

Deno.test("fold: a change from its block's bound on is refused naming the tensor, whoever made it, however few images", () => {
  const layout = layoutOfThree(2), base = new Float32Array(6);
  for (const [at, tensor, bound] of [[3, "b", 1024], [4, "c.running_var", 2 ** 22]] as const) {
    for (const by of [0, 1]) {
      const updates = [1, 2].map((examples) => ({ examples, values: new Float32Array(6) }));
      const foldIt = () => fold(base, updates, { layout, scale: scaleFor(3) });
      for (const value of [bound, -bound, NaN, Infinity]) {
        updates[by].values[at] = value;
        assertThrows(foldIt, ProtocolError, `in ${tensor}`);
      }
      updates[by].values[at] = below(bound);
      assert(foldIt()[at] > 0);
    }
  }
});

Deno.test("fold: whatever a row's exponents would overflow, and empty rounds, are refused", () => {
  const layout = layoutOfThree(1);
  const base = new Float32Array(3), values = new Float32Array(3);
  const scale = { weights: 32, statistics: 20 };
  assertThrows(() => fold(base, [{ values, examples: 2 ** 21 }], { layout, scale }), RangeError, "exponent");
  assertThrows(() => fold(base, [], { layout, scale }), RangeError, "at least one update");
  assertThrows(() => fold(base, [{ values, examples: 0 }], { layout, scale }), RangeError, "≥ 1");
  const short = { values: values.subarray(1), examples: 1 };
  assertThrows(() => fold(base, [short], { layout, scale }), RangeError, "3 values, got 2");
});

Deno.test("scaleFor: 32 and 20 below 2^21 images, one less for each doubling", () => {
  assertEquals(scaleFor(2 ** 21 - 1), { weights: 32, statistics: 20 });
  assertEquals(scaleFor(2 ** 21), { weights: 31, statistics: 19 });
  assertEquals(scaleFor(2 ** 32), { weights: 20, statistics: 8 });
  for (const bad of [0, 1.5, 2 ** 32 + 1, NaN]) assertThrows(() => scaleFor(bad), RangeError);
});

Deno.test("delta: f32(f64(w) − f64(g))", () => {
  const layout = layoutOfThree(1);
  const out = delta(Float32Array.of(0.3, 1e-8, 2), Float32Array.of(0.1, 1, 2), layout);
  expectEqualBits(out, [
    Math.fround(Math.fround(0.3) - Math.fround(0.1)),
    Math.fround(Math.fround(1e-8) - 1),
    0,
  ]);
});

Deno.test("delta: takes the place of w where asked to, with the same values", () => {
  const layout = layoutOfThree(2);
  const w = Float32Array.of(0.3, 1e-8, 2, -7, 0, 5), g = Float32Array.of(0.1, 1, 2, 3, 1, -5);
  const expected = [...delta(w, g, layout)];
  assertEquals(delta(w, g, layout, w), w);
  expectEqualBits(w, expected);
});

Deno.test("delta: NaN, Inf and out of range are refused naming the tensor, never clamped", () => {
  const layout = layoutOfThree(4);
  const cases: [number, number, string][] = [
    [1, NaN, "a, got NaN"],
    [5, Infinity, "b, got Infinity"],
    [6, 1024, "below 1024 in b, got 1024"],
    [7, -1024, "b, got -1024"],
    [9, 2 ** 22, "below 4194304 in c.running_var"],
  ];
  for (const [at, value, text] of cases) {
    const w = new Float32Array(12);
    w[at] = value;
    const error = assertThrows(() => delta(w, new Float32Array(12), layout), ProtocolError);
    assertEquals(error.code, "out_of_range");
    assertStringIncludes(error.message, text);
  }
  const w = new Float32Array(12);
  w[3] = -below(1024);
  w[8] = below(2 ** 22);
  delta(w, new Float32Array(12), layout);
});

Deno.test("checkDelta: a stretch knows where it lies in the vector", () => {
  const layout = layoutOfThree(4);
  assertThrows(() => checkDelta(Float32Array.of(0, NaN), layout, 3), ProtocolError, "in b");
  checkDelta(Float32Array.of(2000), layout, 8);
  assertThrows(() => checkDelta(Float32Array.of(2000), layout, 7), ProtocolError, "in b");
});
