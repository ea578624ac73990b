/**
 * What a hospital works out of its own films for itself: where the model's score becomes a decision, and how good the
 * decisions are. None of it is sent.
 */
import {
  MIN_PER_CLASS,
  type Rates,
  ratesAt,
  rocCurve,
  type Threshold,
  thresholdAt,
  youdenThreshold,
} from "../../model/metrics/metrics.ts";
import type { Predictions } from "../../model/predictions.ts";
import type { ModelMetadata } from "../../model/weights/model_file.ts";
import { diverged, enough } from "./score_split.ts";

/** The logit from which on a film counts as having a finding, or why there is none. */
export type FixedThreshold = { logit: number } | { reason: string };

/** Points of an ROC curve, from (0, 0) to (1, 1). */
export interface Curve {
  fpr: number[];
  tpr: number[];
}

/** Decisions at the threshold that `val` fixed, on `test`. */
export interface OwnDecisions extends Rates {
  threshold: Threshold | null;
  /** Why there is no threshold. */
  threshold_reason?: string;
}

/** Points of a curve nearer to each other than this, both ways, are drawn as one. */
const FINEST = 0.004;

/** Fixes the threshold on `val`, by Youden's J, from 10 patients of either class on. */
export function fixThreshold(val: Predictions): FixedThreshold {
  if (diverged(val)) return { reason: "the model gives no numbers on val" };
  if (!enough(val)) {
    return { reason: `val has fewer than ${MIN_PER_CLASS} patients with a finding, or without one` };
  }
  const logit = youdenThreshold({ scores: val.logits, labels: val.labels });
  return logit === null ? { reason: "on val no threshold does better than chance" } : { logit };
}

/** What a model's file says of the threshold: nothing where there is none. */
export function thresholdEntry(fixed: FixedThreshold): Pick<ModelMetadata, "threshold"> {
  return "reason" in fixed ? {} : { threshold: { logit: fixed.logit } };
}

/** What the decisions at a threshold are worth on `test`. */
export function ownDecisions(
  test: Predictions,
  fixed: FixedThreshold,
  options: { seed: number },
): OwnDecisions {
  if ("reason" in fixed) {
    return { threshold: null, threshold_reason: fixed.reason, sensitivity: null, specificity: null };
  }
  const { logit } = fixed;
  const threshold = thresholdAt(logit);
  if (diverged(test)) return { threshold, sensitivity: null, specificity: null };
  return { threshold, ...ratesAt({ ...test, scores: test.logits }, logit, options) };
}

/** The ROC curve of `test` for drawing, null where there are too few patients for one. */
export function ownCurve(test: Predictions): Curve | null {
  if (diverged(test) || !enough(test)) return null;
  const { fpr, tpr } = rocCurve(test.logits, test.labels);
  const kept = [0];
  for (let at = 1; at < fpr.length; at++) {
    const last = kept.at(-1)!;
    const far = Math.max(fpr[at] - fpr[last], tpr[at] - tpr[last]) >= FINEST;
    if (far || at === fpr.length - 1) kept.push(at);
  }
  const rounded = (values: number[]) => kept.map((at) => Number(values[at].toFixed(4)));
  return { fpr: rounded(fpr), tpr: rounded(tpr) };
}
