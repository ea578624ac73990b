import { assertEquals } from "@std/assert";
import { withSettledStatistics } from "../../../src/fed/maths/settled_statistics.ts";
import { preset } from "../../../src/model/recipe.ts";

Deno.test("withSettledStatistics: bn counts from 50 steps a round in the mean over silos on; 0 and 1 are what they are", () => {
  const bnOf = (bn: number, images: number, localEpochs = 1) =>
    withSettledStatistics(preset("default", { batch: 10, bn }), { images, silos: 3, localEpochs }).bn;
  assertEquals([bnOf(0.5, 1500), bnOf(0.5, 1499)], [0.5, 1]);
  assertEquals([bnOf(0.5, 750, 2), bnOf(0.5, 1500, 0.5)], [0.5, 1]);
  assertEquals([bnOf(0, 100), bnOf(1, 100), bnOf(1, 9000)], [0, 1, 1]);
});
