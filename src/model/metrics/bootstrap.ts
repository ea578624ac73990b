/**
 * The uncertainty of an AUROC when a patient may have several films.
 *
 * Why patients are resampled: films of one patient resemble each other, so resampling films (or DeLong on films)
 * understates the error.
 */
import { mulHigh, PURPOSE, words } from "../philox.ts";
import { mean } from "./mean.ts";
import { rankOrder, type Scored, weightedAuroc, weightedPairs } from "./roc.ts";

/** Films with the patient and, for pooled sets, the stratum (silo) of each. */
export interface Clustered extends Scored {
  patients: ArrayLike<number>;
  /** Patients are drawn within each stratum; equal ids in two strata are two patients. */
  strata?: ArrayLike<number>;
}

/** The normal quantile of a two-sided 95 % interval. */
export const Z95 = 1.959964;
/** Areas closer than this differ by the order in which their pairs were summed. */
const ROUNDING = 1e-9;

/**
 * Standard error of an AUROC after Hanley and McNeil (1982).
 *
 * @param area in [0, 1]
 */
export function hanleyMcNeil(area: number, counts: { positives: number; negatives: number }): number {
  const { positives, negatives } = counts;
  const q1 = area / (2 - area);
  const q2 = 2 * area ** 2 / (1 + area);
  const variance = area * (1 - area) + (positives - 1) * (q1 - area ** 2) +
    (negatives - 1) * (q2 - area ** 2);
  return Math.sqrt(variance / (positives * negatives));
}

/** `area ± 1.96 se`, cut to [0, 1]. */
export function normalInterval(area: number, se: number): [number, number] {
  return [Math.max(0, area - Z95 * se), Math.min(1, area + Z95 * se)];
}

/**
 * Exact AUROC with the standard error and percentile interval of a patient-clustered bootstrap; the same seed gives
 * the same numbers. Where every resample agrees (an AUROC of 0 or 1, one patient of a class, a model that gives one
 * score) that says nothing of the error, and Hanley and McNeil's is used instead, at an AUROC of 0 or 1 half a pair from
 * the end. NaN throughout when a class is missing.
 */
export function bootstrap(
  input: Clustered,
  options: {
    /** @default {0} */
    seed?: number;
    /** Resamples. @default {1000} */
    replicates?: number;
  } = {},
): { auroc: number; se: number; ci95: [number, number] } {
  const { scores, labels } = input;
  const order = rankOrder(scores, labels);
  const area = weightedAuroc(order, scores, labels);
  if (Number.isNaN(area)) return { auroc: NaN, se: NaN, ci95: [NaN, NaN] };
  if (area === 0 || area === 1) return withoutSpread(area, labels);
  const areas = resampled(input, (weight) => weightedAuroc(order, scores, labels, weight), options);
  if (areas.length === 0 || areas.at(-1)! - areas[0] < ROUNDING) return withoutSpread(area, labels);
  return { auroc: area, se: deviation(areas), ci95: [quantile(areas, 0.025), quantile(areas, 0.975)] };
}

/**
 * How much better the first models rank than the second, on the same films: the difference of their mean stratified
 * AUROC (pairs within a stratum) with a percentile interval of a patient-clustered bootstrap, each resample the same
 * for all; null where every resample agrees. Several models a side are runs of one method that differ in their seed.
 *
 * @param first scores of each model, all in the order of `films`
 */
export function pairedDifference(
  first: ArrayLike<number>[],
  second: ArrayLike<number>[],
  films: Omit<Clustered, "scores">,
  options: {
    /** @default {0} */
    seed?: number;
    /** Resamples. @default {1000} */
    replicates?: number;
  } = {},
): { difference: number; ci95: [number, number] | null } {
  const sides = [first, second].map((side) => side.map((scores) => stratifiedAuroc(scores, films)));
  const between = (weight: (film: number) => number) => {
    const [a, b] = sides.map((side) => side.reduce((sum, auroc) => sum + auroc(weight), 0) / side.length);
    return a - b;
  };
  return { difference: between(() => 1), ci95: clusteredInterval(films, between, options) };
}

/** A model's AUROC over pairs within a stratum, as a function of the films' weights; NaN without a pair. */
export function stratifiedAuroc(
  scores: ArrayLike<number>,
  { labels, strata }: Omit<Clustered, "scores">,
): (weight: (film: number) => number) => number {
  const order = rankOrder(scores, labels);
  const groups = Map.groupBy(order, (film) => strata ? strata[film] : 0);
  const orders = [...groups.values()].map((group) => Uint32Array.from(group));
  return (weight) => {
    let won = 0, pairs = 0;
    for (const one of orders) {
      const counted = weightedPairs(one, { scores, labels }, weight);
      won += counted.won;
      pairs += counted.pairs;
    }
    return won / pairs;
  };
}

/**
 * A figure of the films, given as a function of their weights, with a percentile interval of a patient-clustered
 * bootstrap; null where the films give none, or where every resample agrees and so says nothing of the error.
 */
export function clusteredInterval(
  films: Pick<Clustered, "patients" | "strata">,
  figure: (weight: (film: number) => number) => number,
  options: {
    /** @default {0} */
    seed?: number;
    /** Resamples. @default {1000} */
    replicates?: number;
  } = {},
): [number, number] | null {
  const values = resampled(films, figure, options);
  if (values.length === 0 || values.at(-1)! - values[0] < ROUNDING) return null;
  return [quantile(values, 0.025), quantile(values, 0.975)];
}

function withoutSpread(area: number, labels: ArrayLike<number>): ReturnType<typeof bootstrap> {
  let positives = 0;
  for (let i = 0; i < labels.length; i++) positives += labels[i] ? 1 : 0;
  const negatives = labels.length - positives;
  const half = 0.5 / (positives * negatives);
  const se = hanleyMcNeil(Math.min(1 - half, Math.max(half, area)), { positives, negatives });
  return { auroc: area, se, ci95: normalInterval(area, se) };
}

/** Patients numbered so that a stratum's are neighbours: `of[film]` = patient, `strata` = [first, count] each. */
interface Clusters {
  of: Uint32Array;
  count: number;
  strata: [first: number, count: number][];
}

function clustersOf({ patients, strata }: Pick<Clustered, "patients" | "strata">): Clusters {
  const groups = new Map<number, Map<number, number[]>>();
  for (let film = 0; film < patients.length; film++) {
    const stratum = strata ? strata[film] : 0;
    if (!groups.has(stratum)) groups.set(stratum, new Map());
    const group = groups.get(stratum)!;
    if (!group.has(patients[film])) group.set(patients[film], []);
    group.get(patients[film])!.push(film);
  }
  const of = new Uint32Array(patients.length);
  const ranges: [number, number][] = [];
  let next = 0;
  for (const group of groups.values()) {
    ranges.push([next, group.size]);
    for (const films of group.values()) {
      for (const film of films) of[film] = next;
      next++;
    }
  }
  return { of, count: next, strata: ranges };
}

/** A figure of each resample, ascending; one that lacks a class has none. `weight(film)`: how often it was drawn. */
function resampled(
  films: Pick<Clustered, "patients" | "strata">,
  figure: (weight: (film: number) => number) => number,
  { seed = 0, replicates = 1000 }: { seed?: number; replicates?: number },
): number[] {
  const clusters = clustersOf(films);
  const values: number[] = [];
  for (let replicate = 0; replicate < replicates; replicate++) {
    const drawn = resample(clusters, { seed, replicate });
    const value = figure((film) => drawn[clusters.of[film]]);
    if (!Number.isNaN(value)) values.push(value);
  }
  return values.sort((a, b) => a - b);
}

/** How often each patient is drawn, with replacement, as many draws in each stratum as it has patients. */
function resample(clusters: Clusters, key: { seed: number; replicate: number }): Uint32Array {
  const stream = { purpose: PURPOSE.bootstrap, step: key.replicate };
  const random = words({ seed: key.seed, silo: 0 }, stream, clusters.count);
  const drawn = new Uint32Array(clusters.count);
  for (const [first, count] of clusters.strata) {
    for (let i = first; i < first + count; i++) drawn[first + mulHigh(random[i], count)]++;
  }
  return drawn;
}

function deviation(values: number[]): number {
  const middle = mean(values);
  const squares = values.reduce((sum, v) => sum + (v - middle) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1));
}

/** Linear interpolation between order statistics (numpy's default). */
function quantile(sorted: number[], q: number): number {
  const at = q * (sorted.length - 1);
  const low = Math.floor(at);
  const high = Math.min(low + 1, sorted.length - 1);
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low);
}
