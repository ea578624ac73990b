import { assertEquals } from "@std/assert";
import { plural } from "../src/plural.ts";

Deno.test("plural: one round, no rounds, two rounds; a pass and passes", () => {
  assertEquals([1, 0, 2].map((count) => plural(count, "round")), ["1 round", "0 rounds", "2 rounds"]);
  assertEquals([1, 2].map((count) => plural(count, "pass", "passes")), ["1 pass", "2 passes"]);
});
