import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { ImageOrder, permutation } from "../../src/model/image_order.ts";
import { PURPOSE, words } from "../../src/model/philox.ts";

const key = { seed: 3, silo: 1 };

Deno.test("permutation is Fisher–Yates from the end with ⌊x_i (i+1) / 2^32⌋", () => {
  const n = 257, epoch = 4;
  const x = words(key, { purpose: PURPOSE.shuffle, step: epoch }, n);
  const expected = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = Number((BigInt(x[i]) * BigInt(i + 1)) >> 32n);
    [expected[i], expected[j]] = [expected[j], expected[i]];
  }
  assertEquals([...permutation(n, { ...key, epoch })], expected);
});

Deno.test("ImageOrder.take yields each training row once an epoch, another order each epoch", () => {
  const rows = Uint32Array.from([5, 8, 9, 12, 40, 41, 77]);
  const order = new ImageOrder(rows, key);
  const first = order.take(0, 7), second = order.take(7, 7);
  assertEquals([...first].sort((a, b) => a - b), [...rows]);
  assertEquals([...second].sort((a, b) => a - b), [...rows]);
  assertNotEquals([...first], [...second]);
});

Deno.test("ImageOrder.take of any pieces equals the whole stream, across epochs and backwards", () => {
  const rows = Uint32Array.from({ length: 10 }, (_, i) => i * 3);
  const whole = [...new ImageOrder(rows, key).take(0, 64)];
  const order = new ImageOrder(rows, key);
  for (const [first, count] of [[30, 25], [0, 8], [8, 8], [55, 9]]) {
    assertEquals([...order.take(first, count)], whole.slice(first, first + count));
  }
});

Deno.test("ImageOrder differs by seed and by silo, and refuses no rows", () => {
  const rows = Uint32Array.from({ length: 50 }, (_, i) => i);
  const stream = (seed: number, silo: number) => String(new ImageOrder(rows, { seed, silo }).take(0, 50));
  assert(new Set([stream(1, 1), stream(2, 1), stream(1, 2)]).size === 3);
  assertThrows(() => new ImageOrder(new Uint32Array(0), key), RangeError, "at least one training row");
});
