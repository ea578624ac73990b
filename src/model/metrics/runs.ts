/**
 * How much better one way of training is than another, from several runs of each.
 *
 * Why runs are resampled with the patients: one training from another seed ends elsewhere, often by more than the films
 * can tell apart.
 */
import { mulHigh, PURPOSE, words } from "../philox.ts";
import { type Clustered, stratifiedAuroc } from "./bootstrap.ts";

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/** Resamples. */
const REPLICATES = 1000;

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
  const [own, ...rest] = [first, ...others].map((runs) =>
    runs.map((run) => {
      const area = stratifiedAuroc(run.scores, run);
      return (weight: (patient: number) => number) => area((film) => weight(run.patients[film]));
    })
  );
  const between = (weight: (patient: number) => number, drawn: readonly number[]) =>
    mean(drawn.map((run) => own[run](weight) - mean(rest.map((side) => side[run](weight)))));
  const strata = patientsByStratum(first);
  const patients = strata.reduce((sum, { length }) => sum + length, 0);
  const values: number[] = [];
  for (let step = 0; step < REPLICATES && first.length > 0; step++) {
    const random = words({ seed: 0, silo: 0 }, { purpose: PURPOSE.bootstrap, step }, patients + first.length);
    const drawn = new Map<number, number>();
    let next = 0;
    for (const all of strata) {
      for (let i = 0; i < all.length; i++) {
        const patient = all[mulHigh(random[next++], all.length)];
        drawn.set(patient, (drawn.get(patient) ?? 0) + 1);
      }
    }
    const runs = first.map(() => mulHigh(random[next++], first.length));
    const value = between((patient) => drawn.get(patient) ?? 0, runs);
    if (!Number.isNaN(value)) values.push(value);
  }
  values.sort((a, b) => a - b);
  const difference = between(() => 1, first.map((_, run) => run));
  if (values.length === 0 || values[0] === values.at(-1)) return { difference, ci95: null };
  const at = (share: number) => values[Math.min(values.length - 1, Math.floor(share * values.length))];
  return { difference, ci95: [at(0.025), at(0.975)] };
}

/** Every patient once. */
function patientsByStratum(runs: readonly Clustered[]): number[][] {
  const strata = new Map<number, number>();
  for (const { patients, strata: of } of runs) {
    for (let film = 0; film < patients.length; film++) strata.set(patients[film], of?.[film] ?? 0);
  }
  return [...Map.groupBy(strata.keys(), (patient) => strata.get(patient)!).values()];
}
