/**
 * How much better one way of training is than another, from several runs of each.
 *
 * Why runs are resampled with the patients: one training from another seed ends elsewhere, often by more than the films
 * can tell apart.
 */
import { type Clustered, clusteredInterval, stratifiedAuroc } from "./bootstrap.ts";
import { mean } from "./mean.ts";

/** A model's AUROC over pairs within a stratum; NaN without a pair. */
export function areaOf(run: Clustered): number {
  return stratifiedAuroc(run.scores, run)(() => 1);
}

/**
 * The mean over runs of the stratified AUROC (pairs within a stratum) of the first less that of the others, which are
 * averaged where there are several, with a 95 % percentile interval that resamples patients within strata and runs.
 *
 * @param first its runs; a patient has one number in all of them
 * @param others as many runs each, in the same order and of the same films
 * @returns `ci95` null without a run, or where every resample agrees or lacks a pair
 */
export function differenceOfRuns(
  first: readonly Clustered[],
  others: readonly (readonly Clustered[])[],
): { difference: number; ci95: [number, number] | null } {
  const { clusters, patientAt, runAt } = clustersOfRuns(first);
  const [own, ...rest] = [first, ...others].map((runs) =>
    runs.map((run) => {
      const area = stratifiedAuroc(run.scores, run);
      return (weight: (cluster: number) => number) =>
        area((film) => weight(patientAt.get(run.patients[film])!));
    })
  );
  const between = (weight: (cluster: number) => number) => {
    let sum = 0;
    for (const run of first.keys()) {
      const times = weight(runAt + run);
      if (times > 0) sum += times * (own[run](weight) - mean(rest.map((side) => side[run](weight))));
    }
    return sum / first.length;
  };
  return { difference: between(() => 1), ci95: clusteredInterval(clusters, between) };
}

/** What is drawn: the patients of each stratum and, as one stratum more, the runs. */
function clustersOfRuns(runs: readonly Clustered[]) {
  const stratumOf = new Map<number, number>();
  for (const { patients, strata } of runs) {
    for (let film = 0; film < patients.length; film++) stratumOf.set(patients[film], strata?.[film] ?? 0);
  }
  const patients = [...stratumOf.keys()], runAt = patients.length;
  return {
    clusters: {
      patients: [...patients, ...runs.keys()],
      strata: [...stratumOf.values(), ...runs.map(() => -1)],
    },
    patientAt: new Map(patients.map((patient, at) => [patient, at])),
    runAt,
  };
}
