/**
 * Where a score becomes a decision, and how good the decisions are.
 *
 * Why Youden's J: a hospital that says nothing of what a missed finding costs it gives both errors the same weight, and
 * the threshold with the largest sensitivity + specificity − 1 is the field's rule for that (Youden 1950). It lies in the
 * middle between two films' scores: so it is no film's own score, and small differences of machines change no decision.
 */
import { type Clustered, clusteredInterval, Z95 } from "./bootstrap.ts";
import { rocCurve, type Scored } from "./roc.ts";

/** Values of J closer than this differ by rounding alone. */
const ROUNDING = 1e-12;

/** A score from which on a film counts as having a finding, both ways. */
export interface Threshold {
  logit: number;
  /** 0 … 1 */
  probability: number;
}

/** The probability that a logit stands for, 0 … 1. */
export function probabilityOf(logit: number): number {
  return 1 / (1 + Math.exp(-logit));
}

/** The threshold at a logit. */
export function thresholdAt(logit: number): Threshold {
  return { logit, probability: probabilityOf(logit) };
}

/** A share of films with its 95 % interval. */
export interface Rate {
  value: number;
  ci95: [number, number];
}

/** What decisions at a threshold find and clear; null without a film of the class. */
export interface Rates {
  sensitivity: Rate | null;
  specificity: Rate | null;
}

/**
 * The threshold with the largest sensitivity + specificity − 1 on these films; of several the lowest, which misses
 * least. A film counts as having a finding from the threshold on.
 *
 * @returns null where a class is missing, or no threshold does better than chance
 */
export function youdenThreshold({ scores, labels }: Scored): number | null {
  const { fpr, tpr, threshold } = rocCurve(scores, labels);
  let best = 0, largest = 2 * ROUNDING;
  for (let at = 1; at < threshold.length; at++) {
    const j = tpr[at] - fpr[at];
    if (!(j > largest - ROUNDING)) continue;
    best = at;
    largest = Math.max(largest, j);
  }
  // The lowest score finds and calls everything: its J is 0, so a chosen one has a neighbour below.
  const middle = (threshold[best] + threshold[best + 1]) / 2;
  return Number.isFinite(middle) ? middle : null;
}

/** Sensitivity and specificity of films at a threshold, with intervals from a bootstrap over patients. */
export function ratesAt(
  { scores, labels, patients, strata }: Clustered,
  threshold: number,
  options: { seed?: number; replicates?: number } = {},
): Rates {
  const films = { labels, patients, strata };
  const rate = (label: number, right: (score: number) => boolean) => {
    const own = Array.from(labels, (_, film) => film).filter((film) => labels[film] === label);
    if (own.length === 0) return null;
    const share = (weight: (film: number) => number) => {
      let all = 0, found = 0;
      for (const film of own) {
        all += weight(film);
        if (right(scores[film])) found += weight(film);
      }
      return found / all;
    };
    const value = share(() => 1);
    const people = new Set(own.map((film) => `${strata?.[film] ?? 0} ${patients[film]}`)).size;
    return { value, ci95: clusteredInterval(films, share, options) ?? wilson(value, people) };
  };
  return {
    sensitivity: rate(1, (score) => score >= threshold),
    specificity: rate(0, (score) => score < threshold),
  };
}

/** Wilson's interval of a share of n, which is no point even at 0 and 1. */
function wilson(share: number, n: number): [number, number] {
  const square = Z95 ** 2;
  const middle = (share + square / (2 * n)) / (1 + square / n);
  const half = Z95 * Math.sqrt(share * (1 - share) / n + square / (4 * n ** 2)) / (1 + square / n);
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}
