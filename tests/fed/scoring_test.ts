import { assertEquals } from "@std/assert";
import { testScores, valScores } from "../../src/fed/scoring.ts";
import { preset } from "../../src/model/recipe.ts";

function split(bad: number | null, n = 40) {
  const logits = Float32Array.from({ length: n }, (_, i) => i / n);
  if (bad !== null) logits[3] = bad;
  const labels = Uint8Array.from({ length: n }, (_, i) => i % 2);
  return { logits, labels, patients: Uint32Array.from(labels.keys()) };
}
const bins = { bins: 62, low: -8, high: 8 } as const;
const options = { recipe: preset("default"), classWeights: [1, 1] as [number, number] };

Deno.test("valScores and testScores of a diverged model are null, not an error", () => {
  assertEquals(valScores(split(NaN), options), { auroc: null, loss: null, positives: 20, negatives: 20 });
  const { auroc, se, images } = testScores(split(NaN), { seed: 1, bins });
  assertEquals([auroc, se, images], [null, null, 40]);
});

Deno.test("valScores and testScores give an AUROC from 10 films of each class on", () => {
  assertEquals(valScores(split(null, 18), options).auroc, null);
  assertEquals(valScores(split(null), options).auroc, 0.525);
  assertEquals(testScores(split(null, 18), { seed: 1, bins }).auroc, null);
});
