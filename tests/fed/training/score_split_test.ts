import { assert, assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import { testScores, valScores } from "../../../src/fed/training/score_split.ts";
import { hanleyMcNeil } from "../../../src/model/metrics/bootstrap.ts";
import { preset } from "../../../src/model/recipe.ts";

function split(bad: number | null, n = 40) {
  const logits = Float32Array.from({ length: n }, (_, i) => i / n);
  if (bad !== null) logits[3] = bad;
  const labels = Uint8Array.from({ length: n }, (_, i) => i % 2);
  return { logits, labels, patients: Uint32Array.from(labels.keys()) };
}
const bins = { bins: 62, low: -8, high: 8 } as const;
const options = { recipe: preset("default"), classWeights: [1, 1] as [number, number], seed: 1 };

Deno.test("valScores and testScores of a diverged model are null, not an error", () => {
  const counts = { positives: 20, negatives: 20 };
  assertEquals(valScores(split(NaN), options), {
    auroc: null,
    se: null,
    loss: null,
    diverged: true,
    ...counts,
  });
  const { auroc, se, images } = testScores(split(NaN), { seed: 1, bins });
  assertEquals([auroc, se, images], [null, null, 40]);
});

Deno.test("valScores and testScores say nothing of fewer than 10 patients of a class, however many films they have", () => {
  const few = { ...split(null, 120), patients: Uint32Array.from({ length: 120 }, (_, i) => i % 18) };
  assertEquals(valScores(few, options), { auroc: null, se: null, loss: null, positives: 60, negatives: 60 });
  const told = { auroc: null, se: null, positives: 60, negatives: 60, images: 120 };
  assertEquals(testScores(few, { seed: 1, bins }), told);
  const two = { ...few, patients: Uint32Array.from({ length: 120 }, (_, i) => i % 2) };
  assertEquals(testScores(two, { seed: 1, bins }), told);
  const one = { ...few, patients: few.labels.map((label, i) => label ? i : i % 18) };
  assertEquals(valScores({ ...one, patients: Uint32Array.from(one.patients) }, options).loss, null);
});

Deno.test("valScores and testScores give an AUROC and a loss from 10 patients of each class on", () => {
  assertEquals(valScores(split(null, 18), options).auroc, null);
  assert(valScores(split(null, 20), options).loss! > 0);
  assertEquals(valScores(split(null), options).auroc, 0.525);
  assertEquals(valScores(split(null, 18), options).se, null);
  assertEquals(testScores(split(null, 18), { seed: 1, bins }).auroc, null);
});

Deno.test("valScores gives the AUROC's error from resampled patients: by the seed, and never 0", () => {
  const { logits, labels, patients } = split(null, 200);
  const noisy = { labels, patients, logits: logits.map((x, i) => x * (i * 7919 % 13)) };
  const { auroc, se } = valScores(noisy, options);
  assertEquals(valScores(noisy, options).se, se);
  assertNotEquals(valScores(noisy, { ...options, seed: 2 }).se, se);
  assertAlmostEquals(se!, hanleyMcNeil(auroc!, { positives: 100, negatives: 100 }), 0.2 * se!);
  const twice = { ...noisy, patients: patients.map((i) => i - i % 4 + i % 2) };
  assert(valScores(twice, options).se! > 1.1 * se!, "two films a patient tell less than two patients");
  const apart = { labels, patients, logits: logits.map((x, i) => x + labels[i]) };
  assertEquals(valScores(apart, options).auroc, 1);
  assert(valScores(apart, options).se! > 0);
});
