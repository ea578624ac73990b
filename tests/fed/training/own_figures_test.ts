import { assert, assertEquals } from "@std/assert";
import {
  fixThreshold,
  ownCurve,
  ownDecisions,
  thresholdEntry,
} from "../../../src/fed/training/own_figures.ts";

/** Films of as many patients, or of `people`; every other one has a finding. */
function split(count: number, people = count) {
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 2);
  const logits = Float32Array.from(labels, (label, i) => label * 0.3 + ((i * 37) % 100) / 100);
  return { logits, labels, patients: Uint32Array.from(labels, (_, i) => i % people) };
}

Deno.test("fixThreshold fixes none on fewer than 10 patients of a class, however many films, and says so", () => {
  const reason = "val has fewer than 10 patients with a finding, or without one";
  assertEquals(fixThreshold(split(200, 18)), { reason });
  assertEquals(fixThreshold(split(18)), { reason });
  assert("logit" in fixThreshold(split(200)));
});

Deno.test("fixThreshold fixes none for a model without numbers or without a use", () => {
  const nan = split(40);
  nan.logits[3] = NaN;
  assertEquals(fixThreshold(nan), { reason: "the model gives no numbers on val" });
  const flat = { ...split(40), logits: new Float32Array(40) };
  assertEquals(fixThreshold(flat), { reason: "on val no threshold does better than chance" });
});

Deno.test("ownDecisions says the threshold as logit and probability, and what it is worth on test", () => {
  const decisions = ownDecisions(split(100), { logit: 0 }, { seed: 1 });
  assertEquals(decisions.threshold, { logit: 0, probability: 0.5 });
  assertEquals(decisions.sensitivity?.value, 1);
  const none = ownDecisions(split(100), { reason: "few" }, { seed: 1 });
  assertEquals(none, { threshold: null, threshold_reason: "few", sensitivity: null, specificity: null });
});

Deno.test("a model's file says the threshold alone, and nothing where there is none", () => {
  assertEquals(thresholdEntry({ logit: 0.25 }), { threshold: { logit: 0.25 } });
  assertEquals(thresholdEntry({ reason: "few" }), {});
});

Deno.test("ownCurve goes from corner to corner in some hundred points, however many films there are", () => {
  const { fpr, tpr } = ownCurve(split(20_000))!;
  assertEquals([fpr[0], tpr[0], fpr.at(-1), tpr.at(-1)], [0, 0, 1, 1]);
  assert(fpr.length <= 502, `${fpr.length} points`);
  assertEquals(ownCurve(split(18)), null);
});
