import { assertEquals } from "@std/assert";
import { median } from "../../../src/fed/maths/median.ts";

Deno.test("median: the middle one in order of size, of an even number the lower of the two", () => {
  assertEquals(median([10, 9, 2]), 9);
  assertEquals(median([4, 10, 9, 2]), 4);
  assertEquals(median([7]), 7);
});

Deno.test("median leaves the values in their order", () => {
  const values = [3, 1, 2];
  median(values);
  assertEquals(values, [3, 1, 2]);
});
