import { assert, assertEquals, assertThrows } from "@std/assert";
import { mulHigh, philox, PURPOSE, uniforms, words } from "../../src/model/philox.ts";
import golden from "../golden/philox.json" with { type: "json" };

Deno.test("philox gives the 20 shared vectors of the numpy reference", () => {
  assertEquals(golden.length, 20);
  const out = new Uint32Array(4);
  for (const { counter, key, out: expected } of golden) {
    philox(counter as [number, number, number, number], key as [number, number], out);
    assertEquals([...out], expected);
  }
});

Deno.test("mulHigh equals the upper half of the BigInt product", () => {
  const values = [0, 1, 0xffff, 0x10000, 0x12345678, 0xd2511f53, 0xcd9e8d57, 0x80000000, 0xffffffff];
  for (const a of values) {
    for (const b of values) {
      assertEquals(mulHigh(a, b), Number((BigInt(a) * BigInt(b)) >> 32n), `${a} · ${b}`);
    }
  }
});

Deno.test("words puts block, position, step and purpose · 2^16 + index in the counter", () => {
  const key = { seed: 11, silo: 2 };
  const drawn = words(key, { purpose: PURPOSE.depth, index: 3, step: 70_000, position: 5 }, 6);
  const out = new Uint32Array(4);
  philox([1, 5, 70_000, (4 << 16) | 3], [11, 2], out);
  assertEquals([...drawn.slice(4)], [...out.slice(0, 2)]);
});

Deno.test("uniforms are the upper 24 bits, in [0, 1)", () => {
  const key = { seed: 1, silo: 0 }, stream = { purpose: PURPOSE.measure };
  const raw = words(key, stream, 1000);
  const drawn = uniforms(key, stream, 1000);
  drawn.forEach((u, i) => assertEquals(u, (raw[i] >>> 8) / 2 ** 24));
  const mean = drawn.reduce((a, b) => a + b) / 1000;
  assert(Math.abs(mean - 0.5) < 0.03 && Math.max(...drawn) < 1, `mean ${mean}`);
});

Deno.test("words refuses what does not fit its field", () => {
  const key = { seed: 1, silo: 0 };
  assertThrows(() => words({ ...key, seed: 2 ** 32 }, { purpose: 1 }, 1), RangeError, "seed");
  assertThrows(() => words(key, { purpose: 1, index: 65536 }, 1), RangeError, "index");
  assertThrows(() => words(key, { purpose: 1, step: -1 }, 1), RangeError, "step");
});
