/** The same claims hold for the stand-in and for @std/assert itself, whichever the run uses. */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";

/** True when the assertion holds, false when it fails as an assertion does. */
function holds(claim: () => void): boolean {
  try {
    claim();
    return true;
  } catch (error) {
    if (error instanceof AssertionError) return false;
    throw error;
  }
}

Deno.test("assertEquals: structure and values, not identity", () => {
  const equal: [unknown, unknown][] = [
    [{ a: [1, { b: new Map([[1, new Set(["x"])]]) }] }, { a: [1, { b: new Map([[1, new Set(["x"])]]) }] }],
    [NaN, NaN],
    [0, -0],
    [new Float32Array([1, NaN]), new Float32Array([1, NaN])],
    [new Date(5), new Date(5)],
    [Object.create(null), {}],
    [new Set([[1], [2]]), new Set([[2], [1]])],
  ];
  for (const [a, b] of equal) assert(holds(() => assertEquals(a, b)), Deno.inspect(a));
  const different: [unknown, unknown][] = [
    [{ a: 1 }, { a: 1, b: undefined }],
    [[1, 2], [1, 2, 3]],
    [new Float32Array([1]), new Float64Array([1])],
    [new Float32Array([1]), new Float32Array([2])],
    [new Map([[1, 2]]), new Map([[1, 3]])],
    [1, "1"],
    [null, undefined],
    [new Error("a"), new Error("b")],
  ];
  for (const [a, b] of different) {
    assert(!holds(() => assertEquals(a, b)), Deno.inspect(a));
    assert(holds(() => assertNotEquals(a, b)), Deno.inspect(a));
  }
});

Deno.test("assertEquals: follows a cycle once", () => {
  const ring = () => {
    const node: { self?: unknown } = {};
    node.self = node;
    return node;
  };
  assert(holds(() => assertEquals(ring(), ring())));
});

Deno.test("assertThrows, assertRejects: class and text must fit, the error is returned", async () => {
  const thrower = () => {
    throw new RangeError("expected 3, got 4");
  };
  const error: RangeError = assertThrows(thrower, RangeError, "got 4");
  assertEquals(error.message, "expected 3, got 4");
  assert(!holds(() => assertThrows(thrower, TypeError)));
  assert(!holds(() => assertThrows(thrower, RangeError, "got 5")));
  assert(!holds(() => assertThrows(() => 1)));
  const rejected = await assertRejects(() => Promise.reject(new TypeError("no")), TypeError, "no");
  assertInstanceOf(rejected, TypeError);
  await assertRejects(async () => await assertRejects(() => Promise.resolve(1)), AssertionError);
  await assertRejects(async () => await assertRejects(() => thrower()), AssertionError);
});

Deno.test("the small assertions fail where they should", () => {
  assert(holds(() => assertAlmostEquals(1, 1 + 1e-9)) && !holds(() => assertAlmostEquals(1, 1.1, 0.05)));
  assert(!holds(() => assertAlmostEquals(NaN, 1)));
  assert(holds(() => assertGreaterOrEqual(1, 1)) && !holds(() => assertGreaterOrEqual(1, 2)));
  assert(holds(() => assertLess(1, 2)) && !holds(() => assertLess(1, 1)));
  assert(holds(() => assertLessOrEqual(1, 1)) && !holds(() => assertLessOrEqual(2, 1)));
  assert(holds(() => assertMatch("abc", /b/)) && !holds(() => assertMatch("abc", /d/)));
  assert(holds(() => assertStringIncludes("abc", "b")) && !holds(() => assertStringIncludes("abc", "d")));
  assert(!holds(() => assertInstanceOf(1, RangeError)));
});
