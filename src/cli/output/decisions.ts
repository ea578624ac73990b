// Why: what a threshold is and what its decisions are worth is said in the same words wherever a model is judged.
import type { Rate, Rates, Threshold } from "../../model/metrics/metrics.ts";
import type { OwnDecisions } from "../../fed/training/own_figures.ts";
import { wrap } from "../options/wrap.ts";
import { interval, score, TABLE_WIDTH } from "./table.ts";

/** A threshold as logit and probability. */
export function thresholdText({ logit, probability }: Threshold): string {
  return `logit ${logit.toFixed(3)} (probability ${probability.toFixed(3)})`;
}

/** A rate with its interval. */
export const rateText = (rate: Rate | null) =>
  rate === null ? "–" : `${score(rate.value)} ${interval(rate.ci95)}`;

/** Sensitivity and specificity in one line. */
export function ratesText({ sensitivity, specificity }: Rates): string {
  return `sensitivity ${rateText(sensitivity)}, specificity ${rateText(specificity)}`;
}

/** What the end of a training says of the model's threshold. */
export function decisionLines(own: OwnDecisions): string[] {
  if (own.threshold === null) {
    return wrap(`threshold: none, since ${own.threshold_reason}`.split(" "), TABLE_WIDTH);
  }
  return [`threshold: ${thresholdText(own.threshold)}, Youden's J on val`, `  on test: ${ratesText(own)}`];
}
