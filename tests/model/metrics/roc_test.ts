import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { auroc, operatingPoint, rocCurve } from "../../../src/model/metrics/roc.ts";

function bruteForce(scores: number[], labels: number[]): number {
  let won = 0, pairs = 0;
  for (let i = 0; i < scores.length; i++) {
    for (let j = 0; j < scores.length; j++) {
      if (!labels[i] || labels[j]) continue;
      pairs++;
      won += scores[i] > scores[j] ? 1 : scores[i] === scores[j] ? 0.5 : 0;
    }
  }
  return won / pairs;
}

const films = fc.array(fc.tuple(fc.integer({ min: -3, max: 3 }), fc.integer({ min: 0, max: 1 })), {
  minLength: 1,
  maxLength: 60,
});

Deno.test("auroc equals the O(n²) count of pairs, heavy ties included", () => {
  fc.assert(fc.property(films, (rows) => {
    const scores = rows.map((r) => r[0] / 3), labels = rows.map((r) => r[1]);
    const expected = bruteForce(scores, labels);
    const got = auroc(Float32Array.from(scores), Uint8Array.from(labels));
    assert(Object.is(expected, got) || Math.abs(expected - got) < 1e-12, `${expected} ${got}`);
  }));
});

Deno.test("auroc is NaN without both classes and names the cause of NaN scores", () => {
  assert(Number.isNaN(auroc([1, 2], [1, 1])) && Number.isNaN(auroc([], [])));
  const cause = "NaN for 1 of 2 films: the model's logits are not finite; lower --lr";
  assertThrows(() => auroc([1, NaN], [0, 1]), RangeError, cause);
  assertThrows(() => rocCurve([1, NaN], [0, 1]), RangeError, cause);
  assertThrows(() => auroc([1], [0, 1]), RangeError, "labels");
});

Deno.test("rocCurve's trapezoids sum to the AUROC", () => {
  fc.assert(fc.property(films, (rows) => {
    const scores = rows.map((r) => r[0]), labels = rows.map((r) => r[1]);
    const expected = auroc(scores, labels);
    fc.pre(!Number.isNaN(expected));
    const { fpr, tpr } = rocCurve(scores, labels);
    let area = 0;
    for (let i = 1; i < fpr.length; i++) area += (fpr[i] - fpr[i - 1]) * (tpr[i] + tpr[i - 1]) / 2;
    assertAlmostEquals(area, expected, 1e-12);
    assertEquals([fpr[0], tpr[0], fpr.at(-1), tpr.at(-1)], [0, 0, 1, 1]);
  }));
});

Deno.test("operatingPoint fixes the threshold on val and reports test", () => {
  const val = { scores: [1, 2, 3, 4, 5, 6, 7, 8], labels: [0, 0, 0, 1, 0, 1, 1, 1] };
  const test = { scores: [3.5, 4.5, 4, 9], labels: [0, 1, 1, 1] };
  assertEquals(operatingPoint(val, test, { sensitivity: 1 }), {
    threshold: 4,
    sensitivity: 1,
    specificity: 1,
  });
  assertEquals(operatingPoint(val, test, { specificity: 1 }).threshold, 6);
  assertEquals(operatingPoint(val, test, { specificity: 0.75 }).threshold, 4);
  assertAlmostEquals(operatingPoint(val, test, { specificity: 1 }).sensitivity, 1 / 3, 1e-12);
  assertThrows(() => operatingPoint(val, test, {}), TypeError);
  assertThrows(() => operatingPoint({ scores: [1], labels: [1] }, test, { sensitivity: 0.5 }), RangeError);
});
