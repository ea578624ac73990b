import { assert, assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import { bootstrap, hanleyMcNeil, pairedDifference } from "../../../src/model/metrics/bootstrap.ts";
import { PURPOSE, uniforms } from "../../../src/model/philox.ts";
import { auroc } from "../../../src/model/metrics/roc.ts";

/** 2n films in overlapping classes, `repeats` identical films a patient. */
function films(n: number, repeats: number) {
  const noise = uniforms({ seed: 2, silo: 0 }, { purpose: PURPOSE.measure }, n);
  const scores: number[] = [], labels: number[] = [], patients: number[] = [];
  for (let patient = 0; patient < n; patient++) {
    for (let i = 0; i < repeats; i++) {
      scores.push(noise[patient] + (patient % 2) * 0.3);
      labels.push(patient % 2);
      patients.push(patient);
    }
  }
  return { scores, labels, patients };
}

Deno.test("bootstrap repeats itself for a seed, and differs for another", () => {
  const input = films(120, 2);
  assertEquals(bootstrap(input, { seed: 4 }), bootstrap(input, { seed: 4 }));
  assertNotEquals(bootstrap(input, { seed: 4 }).se, bootstrap(input, { seed: 5 }).se);
});

Deno.test("bootstrap's error agrees with Hanley and McNeil's for independent films", () => {
  const { auroc: area, se, ci95 } = bootstrap(films(400, 1));
  const expected = hanleyMcNeil(area, { positives: 200, negatives: 200 });
  assert(Math.abs(se / expected - 1) < 0.15, `${se} against ${expected}`);
  assert(ci95[0] < area && area < ci95[1]);
  assertAlmostEquals(ci95[1] - ci95[0], 2 * 1.96 * se, se);
});

Deno.test("bootstrap counts patients: four copies of each film leave the error as it is", () => {
  assertAlmostEquals(bootstrap(films(100, 4)).se, bootstrap(films(100, 1)).se, 1e-12);
});

Deno.test("bootstrap keeps equal patient ids of two strata apart", () => {
  const { scores, labels, patients } = films(60, 1);
  const strata = patients.map((p) => p < 30 ? 0 : 1);
  const folded = patients.map((p) => p % 30);
  const apart = bootstrap({ scores, labels, patients, strata });
  assertEquals(bootstrap({ scores, labels, patients: folded, strata }), apart);
  assertNotEquals(bootstrap({ scores, labels, patients: folded }).se, apart.se);
  assertEquals(apart.auroc, auroc(scores, labels));
});

Deno.test("bootstrap falls back to Hanley and McNeil at an AUROC of 0 and 1", () => {
  const patients = [0, 1, 2, 3], labels = [0, 0, 1, 1];
  const top = bootstrap({ scores: [1, 2, 3, 4], labels, patients });
  assertEquals(top.auroc, 1);
  assertAlmostEquals(top.se, hanleyMcNeil(1 - 0.5 / 4, { positives: 2, negatives: 2 }), 1e-12);
  assertEquals(top.ci95[1], 1);
  const bottom = bootstrap({ scores: [4, 3, 2, 1], labels, patients });
  assertEquals([bottom.auroc, bottom.ci95[0]], [0, 0]);
  assertAlmostEquals(bottom.se, top.se, 0.1);
  assert(top.se > 0);
});

Deno.test("bootstrap: where no resample differs the error is Hanley and McNeil's, not a rounding's", () => {
  const labels = Array.from({ length: 60 }, (_, i) => i % 2);
  const expected = (area: number) => hanleyMcNeil(area, { positives: 30, negatives: 30 });
  const scores = films(60, 1).scores;
  const two = bootstrap({ scores, labels, patients: labels });
  assertAlmostEquals(two.se, expected(two.auroc), 1e-12);
  const flat = bootstrap({ scores: scores.map(() => 0.1), labels, patients: [...labels.keys()] });
  assertEquals(flat.auroc, 0.5);
  assertAlmostEquals(flat.se, expected(0.5), 1e-12);
});

Deno.test("bootstrap of one class is NaN", () => {
  assert(Number.isNaN(bootstrap({ scores: [1, 2], labels: [1, 1], patients: [0, 1] }).se));
});

Deno.test("pairedDifference: one method's runs against themselves differ by nothing, in every resample", () => {
  const { scores, ...set } = films(60, 2);
  const other = scores.map((score) => -score);
  assertEquals(pairedDifference([scores, other], [other, scores], set), { difference: 0, ci95: null });
});

Deno.test("pairedDifference counts only pairs within a stratum, as stratified AUROC does", () => {
  // Between the strata the second model ranks every pair wrongly; within them both are perfect.
  const set = { labels: [0, 1, 0, 1], patients: [0, 1, 2, 3], strata: [0, 0, 1, 1] };
  assertEquals(pairedDifference([[0, 1, 0, 1]], [[6, 7, 0, 1]], set).difference, 0);
  assertEquals(pairedDifference([[0, 1, 0, 1]], [[7, 6, 0, 1]], set).difference, 0.5);
});

Deno.test("pairedDifference: paired, a small gain on the same films stands out where two intervals overlap", () => {
  const { scores, ...set } = films(200, 1);
  const worse = scores.map((score, film) => score - (film % 2) * 0.05);
  const { difference, ci95 } = pairedDifference([scores], [worse], set);
  assert(ci95 !== null);
  assertAlmostEquals(difference, auroc(scores, set.labels) - auroc(worse, set.labels), 1e-12);
  assert(0 < ci95[0] && ci95[0] < difference && difference < ci95[1], `${difference} in ${ci95}`);
  assert(bootstrap({ scores, ...set }).ci95[0] < auroc(worse, set.labels));
});
