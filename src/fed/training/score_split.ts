/** Scores, the few figures that may leave a silo, from predictions, which may not. */
import { bootstrap, meanLoss, MIN_PER_CLASS } from "../../model/metrics/metrics.ts";
import type { Recipe } from "../../model/recipe.ts";
import { mergedHistogram } from "../maths/histogram.ts";
import type { Proposal, Scores } from "../protocol/messages.ts";
import type { Predictions } from "../../model/predictions.ts";

/** Resamples for the error on `val`, which every scored model takes: it is then known to 5 %, and 1,000 films take 5 ms. */
const VAL_RESAMPLES = 200;

function counts(labels: Uint8Array): { positives: number; negatives: number } {
  let positives = 0;
  for (const label of labels) positives += label;
  return { positives, negatives: labels.length - positives };
}

/** Whether there are enough patients of each class: a figure about the films of two patients tells of those two. */
export function enough({ labels, patients }: Pick<Predictions, "labels" | "patients">): boolean {
  const classes = [new Set<number>(), new Set<number>()];
  for (const [film, label] of labels.entries()) classes[label].add(patients[film]);
  return classes.every(({ size }) => size >= MIN_PER_CLASS);
}

/** Whether the model's training went wrong, so that it gives logits that are not numbers. */
export const diverged = ({ logits }: Pick<Predictions, "logits">) => logits.some(Number.isNaN);

/** A silo's figures on `val`. */
export type ValScores = Pick<Scores, "auroc" | "se" | "loss" | "diverged" | "positives" | "negatives">;

/**
 * Exact AUROC on `val` with its standard error, and mean loss, from 10 patients of either class on; null where they
 * cannot be told.
 */
export function valScores(
  { logits, labels, patients }: Predictions,
  options: { recipe: Recipe; classWeights: [number, number]; seed: number },
): ValScores {
  const none = { auroc: null, se: null, loss: null };
  if (diverged({ logits })) return { ...none, diverged: true, ...counts(labels) };
  if (!enough({ labels, patients })) return { ...none, ...counts(labels) };
  const { auroc, se } = bootstrap({ scores: logits, labels, patients }, {
    seed: options.seed,
    replicates: VAL_RESAMPLES,
  });
  const loss = meanLoss(logits, labels, options.recipe, options.classWeights);
  return { auroc: finite(auroc), se: finite(se), loss: finite(loss), ...counts(labels) };
}

/**
 * Exact AUROC on `test` with the standard error of a bootstrap over patients, from 10 patients of either class on, and
 * the merged histogram where the set is large enough.
 */
export function testScores(
  predictions: Predictions,
  options: { seed: number; bins: Proposal["histogram"] },
): NonNullable<Scores["test"]> {
  const { logits, labels, patients } = predictions;
  const { positives, negatives } = counts(labels);
  const images = labels.length;
  if (diverged(predictions) || !enough(predictions)) {
    return { auroc: null, se: null, positives, negatives, images };
  }
  const result = bootstrap({ scores: logits, labels, patients }, { seed: options.seed });
  const histogram = mergedHistogram(predictions, options.bins);
  return {
    auroc: finite(result.auroc),
    se: finite(result.se),
    positives,
    negatives,
    images,
    ...histogram === null ? {} : { histogram },
  };
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
