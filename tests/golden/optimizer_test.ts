import { assertAlmostEquals, assertEquals } from "@std/assert";
import { preset, scheduleOf } from "../../src/model/recipe.ts";

Deno.test("scheduleOf gives the LR factors and clip norms that the golden optimizer run used", async () => {
  const file = await Deno.readFile(new URL("optimizer.f32", import.meta.url));
  const golden = new Float32Array(file.buffer, 0, 100);
  const { lr, clip } = scheduleOf(preset("deck"), { p0: 0, p1: 1, steps: 50 });
  lr.forEach((factor, i) => assertAlmostEquals(factor, golden[i], 1e-7));
  assertEquals([...clip], [...golden.subarray(50)]);
});
