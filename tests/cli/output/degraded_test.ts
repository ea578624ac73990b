import { assertEquals } from "@std/assert";
import { degradedLine } from "../../../src/cli/output/degraded.ts";

Deno.test("degradedLine names each silo's rounds and the closing phase, and is silent for a full run", () => {
  const result = { degraded: true, missing: { b: [2], c: [1, 2, 3, 5, 7] }, rounds: 6 };
  assertEquals(degradedLine(result), [
    "DEGRADED: this model was trained or tested without b in round 2; c in rounds 1–3, 5 and the closing phase",
  ]);
  const closing = { degraded: true, missing: { a: [3] }, rounds: 2 };
  assertEquals(degradedLine(closing), [
    "DEGRADED: this model was trained or tested without a in the closing phase",
  ]);
  assertEquals(degradedLine({ degraded: false, missing: {}, rounds: 6 }), []);
});
