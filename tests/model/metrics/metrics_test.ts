import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { meanLoss, siteOnly, stratified } from "../../../src/model/metrics/metrics.ts";
import { auroc } from "../../../src/model/metrics/roc.ts";
import golden from "../../golden/torch_files.json" with { type: "json" };

Deno.test("meanLoss equals PyTorch's float64 focal loss and BCE", () => {
  for (const { logits, labels, gamma, alpha, weights, loss } of golden.losses) {
    const recipe = { loss: { gamma, alpha, classWeights: true } };
    assertAlmostEquals(
      meanLoss(logits, labels, recipe, weights as [number, number]),
      loss,
      1e-12 * Math.abs(loss),
    );
  }
});

Deno.test("meanLoss stays finite and exact at huge logits", () => {
  const recipe = { loss: { gamma: 2, alpha: 1, classWeights: false } };
  assertEquals(meanLoss([1000, -1000], [0, 1], recipe, [1, 1]), 1000);
  assertEquals(meanLoss([1000, -1000], [1, 0], recipe, [1, 1]), 0);
  const plain = { loss: { gamma: 0, alpha: 1, classWeights: false } };
  assertAlmostEquals(meanLoss([40], [1], plain, [1, 1]), Math.exp(-40), 1e-30);
});

Deno.test("stratified weighs silos by their pairs and leaves out small ones", () => {
  const result = stratified([
    { auroc: 0.9, positives: 100, negatives: 50, se: 0.02 },
    { auroc: 0.7, positives: 20, negatives: 50, se: 0.05 },
    { auroc: 0.1, positives: 9, negatives: 1000, se: 0.01 },
    { auroc: null, positives: 0, negatives: 10 },
  ]);
  const se = Math.sqrt((5000 * 0.02) ** 2 + (1000 * 0.05) ** 2) / 6000;
  assertAlmostEquals(result.auroc!, (5000 * 0.9 + 1000 * 0.7) / 6000, 1e-12);
  assertAlmostEquals(result.se, se, 1e-12);
  assertAlmostEquals(result.ci95![0], result.auroc! - 1.959964 * se, 1e-12);
});

Deno.test("stratified is null when no silo qualifies, and has no interval without errors", () => {
  assertEquals(stratified([{ auroc: 0.9, positives: 9, negatives: 9 }]).auroc, null);
  const result = stratified([{ auroc: 0.9, positives: 10, negatives: 10 }]);
  assertEquals([result.auroc, result.ci95], [0.9, null]);
});

Deno.test("siteOnly equals the AUROC of prevalence over the pooled films", () => {
  const silos = [{ positives: 30, negatives: 10 }, { positives: 5, negatives: 40 }, {
    positives: 15,
    negatives: 5,
  }];
  const scores: number[] = [], labels: number[] = [];
  for (const { positives, negatives } of silos) {
    for (let i = 0; i < positives + negatives; i++) {
      scores.push(positives / (positives + negatives));
      labels.push(i < positives ? 1 : 0);
    }
  }
  assertAlmostEquals(siteOnly(silos), auroc(scores, labels), 1e-12);
  assertEquals(siteOnly([{ positives: 3, negatives: 7 }]), 0.5);
  assert(Number.isNaN(siteOnly([{ positives: 3, negatives: 0 }])));
});
