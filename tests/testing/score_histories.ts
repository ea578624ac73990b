/**
 * Histories of `val` scores whose true AUROC is known for every model, to compare rules of selection on: simulated
 * patients, scored by models that grow out of one another.
 */
import type { ScoredModel } from "../../src/fed/maths/selection.ts";
import { hanleyMcNeil } from "../../src/model/metrics/bootstrap.ts";
import { MIN_PER_CLASS } from "../../src/model/metrics/metrics.ts";

/** Uniform in [0, 1). */
type Random = () => number;

/** A run: each model's true AUROC, the start first, and what the hospitals say of it. */
export interface SimulatedHistory {
  truth: number[];
  models: ScoredModel[];
  roster: string[];
  /** Standard error of the difference of two models' stratified AUROC on the same patients. */
  pairedError(a: number, b: number): number;
}

/** True curves of the models of rounds 1 … R. The start is none of them: its AUROC is near one half whatever follows. */
export const FAMILIES: Record<string, (random: Random, rounds: number) => number[]> = {
  "rises, then level"(random, rounds) {
    const end = 0.6 + 0.38 * random(), pace = 0.5 + 3 * random();
    return curve(rounds, (round) => end - (end - 0.5) * Math.exp(-round / pace));
  },
  "rises to the end"(random, rounds) {
    const end = 0.6 + 0.35 * random();
    return curve(rounds, (round) => 0.52 + (end - 0.52) * (1 - (1 - round / rounds) ** 2));
  },
  "rises, then is unsteady"(random, rounds) {
    const end = 0.6 + 0.38 * random(), pace = 0.5 + 2 * random();
    const unsteady = () => 0.04 * (1 - end) * normal(random);
    return curve(
      rounds,
      (round) => Math.min(0.998, end - (end - 0.5) * Math.exp(-round / pace) + unsteady()),
    );
  },
  "rises, then falls"(random, rounds) {
    const top = 0.6 + 0.38 * random(), peak = rounds * (0.2 + 0.5 * random());
    const lost = 0.15 * random() * (1 - top);
    return curve(rounds, (round) => {
      if (round < peak) return top - (top - 0.52) * ((peak - round) / peak) ** 2;
      return top - lost * (round - peak) / (rounds - peak);
    });
  },
  "is flat but for noise"(random, rounds) {
    const level = 0.5 + 0.06 * random();
    return curve(rounds, () => level + 0.01 * normal(random));
  },
  "rises, then is lost"(random, rounds) {
    const end = 0.65 + 0.3 * random(), pace = 0.5 + 2 * random(), wild = 1 + Math.floor(3 * random());
    return curve(rounds, (round) => {
      if (round > rounds - wild) return 0.5 + 0.05 * normal(random);
      return end - (end - 0.5) * Math.exp(-round / pace);
    });
  },
};

const curve = (rounds: number, at: (round: number) => number) =>
  Array.from({ length: rounds }, (_, i) => at(i + 1));

/**
 * One run of a family.
 * @param options `patients` of `val` that `hospitals` share; `silent` hospitals beside them have too few
 */
export function simulateHistory(
  family: string,
  random: Random,
  options: { rounds: number; patients: number; hospitals?: number; silent?: number },
): SimulatedHistory {
  const { rounds, patients, hospitals = 1, silent = 0 } = options;
  const truth = [0.5 + 0.05 * normal(random), ...FAMILIES[family](random, rounds)];
  const told = Array.from({ length: hospitals }, () => {
    const positives = Math.round(patients / hospitals * (0.3 + 0.4 * random()));
    return valScores(truth, { positives, negatives: Math.round(patients / hospitals) - positives }, random);
  });
  const quiet = Array.from({ length: silent }, () => ({ auroc: null, se: null, positives: 4, negatives: 5 }));
  const roster = [...told, ...quiet].map((_, silo) => `silo-${silo}`);
  const models = truth.map((_, round) => {
    const figures = [...told.map((one) => one.models[round].figures), ...quiet];
    return { round, scores: Object.fromEntries(figures.map((one, silo) => [roster[silo], one])) };
  });
  return {
    ...{ truth, models, roster },
    pairedError(a, b) {
      const weights = told.map(({ models: [{ figures }] }) => figures.positives * figures.negatives);
      const all = weights.reduce((sum, weight) => sum + weight, 0);
      return Math.hypot(
        ...told.map(({ models }, silo) => weights[silo] / all * errorOf(models[a], models[b])),
      );
    },
  };
}

/** A model on one hospital's patients: what is sent, and how each patient is placed among those of the other class. */
interface Placed {
  figures: ScoredModel["scores"][string];
  /** Of positives, then of negatives. */
  placed: [Float64Array, Float64Array];
}

/** Scores of all models of a run on one hospital's patients, whose difficulty stays with them from model to model. */
function valScores(
  truth: readonly number[],
  { positives, negatives }: { positives: number; negatives: number },
  random: Random,
): { models: Placed[] } {
  const noise = Float64Array.from({ length: positives + negatives }, () => normal(random));
  const models = truth.map((auroc, round) => {
    // The start has nothing in common with what follows; the later, the more alike are neighbours.
    const kept = round <= 1 ? 0 : Math.min(0.97, 0.6 + 0.1 * round);
    if (round > 0) {
      for (let i = 0; i < noise.length; i++) {
        noise[i] = kept * noise[i] + Math.sqrt(1 - kept ** 2) * normal(random);
      }
    }
    const apart = Math.SQRT2 * quantileOf(auroc);
    return placedBy(noise.slice(0, positives).map((x) => x + apart), noise.slice(positives));
  });
  return { models };
}

/** The AUROC with DeLong's error (Hanley and McNeil's where it is 0 or 1); neither below 10 patients of a class. */
function placedBy(positive: Float64Array, negative: Float64Array): Placed {
  const sorted = [positive.slice().sort(), negative.slice().sort()];
  const placed: Placed["placed"] = [
    positive.map((x) => below(sorted[1], x) / negative.length),
    negative.map((x) => 1 - below(sorted[0], x) / positive.length),
  ];
  const counts = { positives: positive.length, negatives: negative.length };
  if (Math.min(positive.length, negative.length) < MIN_PER_CLASS) {
    return { figures: { auroc: null, se: null, ...counts }, placed };
  }
  const auroc = placed[0].reduce((sum, x) => sum + x, 0) / positive.length;
  const half = 0.5 / (positive.length * negative.length);
  const certain = auroc === 0 || auroc === 1;
  const se = certain ? hanleyMcNeil(Math.abs(auroc - half), counts) : spread(placed);
  return { figures: { auroc, se, ...counts }, placed };
}

/** The error of the difference of two models on the same patients. */
function errorOf(a: Placed, b: Placed): number {
  const apart = (side: 0 | 1) => a.placed[side].map((x, i) => x - b.placed[side][i]);
  return spread([apart(0), apart(1)]);
}

/** DeLong's error of the mean of placements. */
function spread(placed: Placed["placed"]): number {
  return Math.sqrt(placed.reduce((sum, values) => sum + variance(values) / values.length, 0));
}

function variance(values: Float64Array): number {
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  return values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (values.length - 1);
}

/** How many of the ascending values are below x. */
function below(sorted: Float64Array, x: number): number {
  let low = 0, high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A standard normal number (Box and Muller). */
function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

/** The standard normal's distribution function (Abramowitz and Stegun 26.2.17), to 1e-7. */
function cumulative(x: number): number {
  if (x < 0) return 1 - cumulative(-x);
  const t = 1 / (1 + 0.2316419 * x);
  const tail = t *
    (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return 1 - Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI) * tail;
}

/** The x with that share of a standard normal below it. */
function quantileOf(share: number): number {
  let low = -8, high = 8;
  for (let i = 0; i < 40; i++) {
    const middle = (low + high) / 2;
    if (cumulative(middle) < share) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
