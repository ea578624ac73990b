/**
 * What a model is judged by: its loss, and AUROC within and across hospitals.
 *
 * Why stratified: a pooled AUROC also rewards knowing which hospital a film came from; the stratified one compares
 * only films of one hospital, and `siteOnly` says how far the hospital's name alone would get.
 */
import { normalInterval } from "./bootstrap.ts";
import type { Recipe } from "../recipe.ts";

export { bootstrap, normalInterval, pairedDifference } from "./bootstrap.ts";
export { auroc, operatingPoint, rocCurve } from "./roc.ts";
export {
  probabilityOf,
  type Rate,
  type Rates,
  ratesAt,
  type Threshold,
  thresholdAt,
  youdenThreshold,
} from "./threshold.ts";

/** Fewest of each class with which a silo's figures count: patients where they are known, else films. */
export const MIN_PER_CLASS = 10;

/**
 * Mean over silos of their own AUROC, weighted by their positive–negative pairs: Σ P·N·A / Σ P·N. A silo with fewer
 * than 10 films of a class, or without an AUROC, weighs 0.
 *
 * @returns `auroc` null when no silo counts; `se` from the silos' errors (NaN when one is unknown), and `ci95` from it
 */
export function stratified(
  silos: { auroc: number | null; positives: number; negatives: number; se?: number | null }[],
): { auroc: number | null; se: number; ci95: [number, number] | null } {
  let pairs = 0, won = 0, variance = 0;
  for (const { auroc, positives, negatives, se } of silos) {
    if (auroc === null || Number.isNaN(auroc) || Math.min(positives, negatives) < MIN_PER_CLASS) continue;
    const weight = positives * negatives;
    pairs += weight;
    won += weight * auroc;
    variance += (weight * (se ?? NaN)) ** 2;
  }
  if (pairs === 0) return { auroc: null, se: NaN, ci95: null };
  const area = won / pairs;
  const se = Math.sqrt(variance) / pairs;
  return { auroc: area, se, ci95: Number.isNaN(se) ? null : normalInterval(area, se) };
}

/**
 * AUROC over the pooled films of a score that knows only the silo (its prevalence): pairs within a silo count ½.
 *
 * @returns a value in [½, 1], or NaN when a class is missing everywhere
 */
export function siteOnly(silos: { positives: number; negatives: number }[]): number {
  let positives = 0, negatives = 0, won = 0;
  for (const a of silos) {
    positives += a.positives;
    negatives += a.negatives;
    for (const b of silos) won += a.positives * b.negatives * preference(a, b);
  }
  return positives > 0 && negatives > 0 ? won / (positives * negatives) : NaN;
}

/** 1, ½ or 0 as a's prevalence is above, equal to or below b's; compared without division. */
function preference(
  a: { positives: number; negatives: number },
  b: { positives: number; negatives: number },
): number {
  return (1 + Math.sign(a.positives * b.negatives - b.positives * a.negatives)) / 2;
}

/**
 * The recipe's loss in float64, plain mean over films: w_y · α · (1 − p_t)^γ · BCE, in logit form, so that large
 * logits neither overflow nor vanish.
 *
 * @param weights [w0, w1] by class; [1, 1] without class weights
 * @returns NaN for no films, and where a logit is NaN: the model has diverged
 */
export function meanLoss(
  logits: ArrayLike<number>,
  labels: ArrayLike<number>,
  recipe: Pick<Recipe, "loss">,
  weights: readonly [number, number],
): number {
  const { alpha, gamma } = recipe.loss;
  let sum = 0;
  for (let i = 0; i < logits.length; i++) {
    const margin = labels[i] ? logits[i] : -logits[i];
    // 1 − p_t = σ(−margin) = exp(−softplus(margin)); BCE = softplus(−margin).
    const focus = gamma === 0 ? 1 : Math.exp(-gamma * softplus(margin));
    sum += weights[labels[i] ? 1 : 0] * alpha * focus * softplus(-margin);
  }
  return sum / logits.length;
}

/** log(1 + e^x) without overflow. */
function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}
