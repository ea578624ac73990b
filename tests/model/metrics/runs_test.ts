import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { pairedDifference } from "../../../src/model/metrics/bootstrap.ts";
import { differenceOfRuns } from "../../../src/model/metrics/runs.ts";
import { PURPOSE, uniforms } from "../../../src/model/philox.ts";

/** Scores of 120 films of as many patients in two strata; the larger `gain`, the better they rank. */
function run(seed: number, gain: number) {
  const noise = uniforms({ seed, silo: 0 }, { purpose: PURPOSE.measure }, 120);
  const labels = Array.from(noise, (_, film) => film % 2);
  return {
    scores: Array.from(noise, (u, film) => u + gain * labels[film]),
    labels,
    patients: labels.map((_, film) => film),
    strata: labels.map((_, film) => film < 50 ? 0 : 1),
  };
}

Deno.test("differenceOfRuns: one run against another is the paired difference", () => {
  const [first, second] = [run(1, 0.4), run(2, 0.2)];
  const { difference, ci95 } = differenceOfRuns([first], [[second]]);
  const paired = pairedDifference([first.scores], [second.scores], first);
  assertEquals(difference, paired.difference);
  assertAlmostEquals(ci95![0], paired.ci95![0], 0.02);
  assertAlmostEquals(ci95![1], paired.ci95![1], 0.02);
});

Deno.test("differenceOfRuns: runs are resampled too, so runs that differ widen the interval", () => {
  const others = [1, 2, 3, 4].map((seed) => run(seed, 0.2));
  const alike = [1, 2, 3, 4].map((seed) => run(seed, 0.4));
  const uneven = [1, 2, 3, 4].map((seed) => run(seed, seed % 2 ? 0 : 0.8));
  const width = (runs: typeof others) => {
    const { ci95 } = differenceOfRuns(runs, [others]);
    return ci95![1] - ci95![0];
  };
  assert(width(uneven) > 2 * width(alike), `${width(uneven)} against ${width(alike)}`);
});

Deno.test("differenceOfRuns: several others count by their mean; the same runs differ by nothing", () => {
  const first = [run(1, 0.4)], others = [[run(2, 0.1)], [run(3, 0.6)]];
  const one = (other: typeof first) => differenceOfRuns(first, [other]).difference;
  assertAlmostEquals(
    differenceOfRuns(first, others).difference,
    (one(others[0]) + one(others[1])) / 2,
    1e-12,
  );
  assertEquals(differenceOfRuns(first, [first]), { difference: 0, ci95: null });
});

Deno.test("differenceOfRuns: each run has films of its own, and only pairs within a stratum count", () => {
  const apart = (seed: number, gain: number, first: number) => {
    const one = run(seed, gain);
    return { ...one, patients: one.patients.map((patient) => first + patient) };
  };
  const first = [apart(1, 0.4, 0), apart(2, 0.4, 200)], others = [apart(3, 0.2, 0), apart(4, 0.2, 200)];
  const { difference, ci95 } = differenceOfRuns(first, [others]);
  assert(ci95![0] < difference && difference < ci95![1]);
  const shifted = first.map((one) => ({
    ...one,
    scores: one.scores.map((score, film) => score + 9 * one.strata[film]),
  }));
  assertEquals(differenceOfRuns(shifted, [first]).difference, 0);
});
