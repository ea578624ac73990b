import { assert, assertEquals } from "@std/assert";
import { ratesAt, youdenThreshold } from "../../../src/model/metrics/metrics.ts";

const val = (scores: number[], labels: number[]) => ({ scores, labels });

Deno.test("youdenThreshold lies in the middle between the two films that it parts", () => {
  assertEquals(youdenThreshold(val([0, 1, 2, 4], [0, 0, 1, 1])), 1.5);
  // One wrong on either side: 5 finds two of three and calls one of four.
  assertEquals(youdenThreshold(val([0, 1, 2, 3, 4, 6, 7], [0, 0, 1, 0, 0, 1, 1])), 5);
});

Deno.test("youdenThreshold takes films of one score together", () => {
  assertEquals(youdenThreshold(val([1, 1, 1, 3, 3, 3], [0, 0, 1, 0, 1, 1])), 2);
});

Deno.test("youdenThreshold: of several that are equally good the lowest, which misses least", () => {
  assertEquals(youdenThreshold(val([0, 1, 2, 3], [0, 1, 0, 1])), 0.5);
});

Deno.test("youdenThreshold is none where a class is missing or nothing beats chance", () => {
  const none = [[[1, 2], [0, 0]], [[1, 2], [1, 1]], [[1, 1, 1, 1], [0, 1, 0, 1]], [[1, 2], [1, 0]], [[], []]];
  for (const [scores, labels] of none) assertEquals(youdenThreshold(val(scores, labels)), null);
});

/** Films whose scores are right for all but every fifth; `films` of each patient. */
function films(count: number, each = 1) {
  const labels = Uint8Array.from({ length: count }, (_, i) => Math.floor(i / each) % 2);
  const scores = Array.from(labels, (label, i) => Math.floor(i / each) % 5 === 0 ? 1 - label : label);
  return { scores, labels, patients: Uint32Array.from(labels, (_, i) => Math.floor(i / each)) };
}

Deno.test("ratesAt: shares of either class with an interval round them, wider where patients have several films", () => {
  const { sensitivity, specificity } = ratesAt(films(200), 0.5);
  assertEquals([sensitivity!.value, specificity!.value], [0.8, 0.8]);
  const width = ({ ci95: [low, high] }: { ci95: [number, number] }) => high - low;
  assert(sensitivity!.ci95[0] < 0.8 && 0.8 < sensitivity!.ci95[1]);
  const several = ratesAt(films(200, 4), 0.5);
  assert(
    width(several.sensitivity!) > 1.4 * width(sensitivity!),
    "four films of one patient are not four patients'",
  );
});

Deno.test("ratesAt: not even a share of all is certain, and a class without a film has none", () => {
  const { scores, labels, patients } = films(20);
  const right = ratesAt({ scores: labels, labels, patients }, 0.5);
  assertEquals(right.sensitivity!.value, 1);
  // Wilson's interval of 10 of 10.
  assertEquals(right.sensitivity!.ci95.map((x) => x.toFixed(3)), ["0.722", "1.000"]);
  assertEquals(ratesAt({ scores, labels: new Uint8Array(20), patients }, 0.5).sensitivity, null);
});
