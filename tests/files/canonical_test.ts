import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { canonical, canonicalDigest } from "../../src/files/canonical.ts";

Deno.test("canonical: the examples of RFC 8785 §3.2.2 and §3.2.3", () => {
  const numbers = [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001, -0, 1e21, 5e-324];
  assertEquals(canonical(numbers), "[333333333.3333333,1e+30,4.5,0.002,1e-27,0,1e+21,5e-324]");
  assertEquals(canonical('\u20ac$\u000f\nA\'B"\\\\"/'), '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"');
  const keys = { "\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\ud83d\ude00": 5, "\u0080": 6, "\u00f6": 7 };
  assertEquals(canonical(keys), '{"\\r":2,"1":4,"\u0080":6,"ö":7,"€":1,"😀":5,"\ufb33":3}');
});

Deno.test("canonical: every JSON value survives, whatever the order of its keys", () => {
  fc.assert(fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
    const clean = JSON.parse(JSON.stringify(value));
    if (!JSON.stringify(value).isWellFormed() || /\\ud[89a-f]/i.test(JSON.stringify(value))) return;
    assertEquals(JSON.parse(canonical(clean)), clean);
    assertEquals(canonical(reversed(clean)), canonical(clean));
  }));
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(Object.entries(value).reverse().map(([key, inner]) => [key, reversed(inner)]));
}

Deno.test("canonical: what JSON cannot hold is refused with its path", () => {
  const cyclic: Record<string, unknown> = {};
  cyclic.self = cyclic;
  const bad = [NaN, Infinity, undefined, 1n, () => 1, "\ud800", new Date(0), new Map(), cyclic, new Array(1)];
  for (const value of bad) {
    const error = assertThrows(() => canonical({ a: [value] }), TypeError);
    assertStringIncludes(error.message, "value.a.0");
  }
});

Deno.test("canonical: 64 levels are written, one more is refused", () => {
  const nested = (levels: number) => JSON.parse("[".repeat(levels) + "]".repeat(levels));
  assertEquals(canonical(nested(65)).length, 130);
  assertStringIncludes(assertThrows(() => canonical(nested(66)), TypeError).message, "at most 64 levels");
});

Deno.test("canonicalDigest: SHA-256 of the UTF-8 text", () => {
  assertEquals(canonicalDigest({}), "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
});
