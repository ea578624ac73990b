/** The figures of `fedx evaluate` and of the demo, from predictions: exact AUROC with its interval. */
import { joined, type Predictions } from "../predictions.ts";
import { bootstrap, stratified } from "./metrics.ts";

/** What is said of one shard's films, or of several shards' pooled; figures are null where a class is missing. */
export interface Evaluation {
  auroc: number | null;
  se: number | null;
  ci95: [number, number] | null;
  images: number;
  positives: number;
}

/** Evaluates the films of one shard, or of several as one set: patients are resampled within each shard. */
export function evaluate(...parts: Predictions[]): Evaluation {
  const { logits: scores, labels, patients, strata } = joined(parts);
  const images = labels.length;
  const positives = labels.reduce((sum, label) => sum + label, 0);
  if (positives === 0 || positives === images) {
    return { auroc: null, se: null, ci95: null, images, positives };
  }
  return { ...bootstrap({ scores, labels, patients, strata }), images, positives };
}

/** The headline of several shards: AUROC within each, weighted by its pairs. */
export function stratifiedEvaluation(shards: readonly Evaluation[]): ReturnType<typeof stratified> {
  return stratified(
    shards.map(({ auroc, se, images, positives }) => ({
      auroc,
      positives,
      negatives: images - positives,
      ...se !== null && { se },
    })),
  );
}
