/** Logits in, the few numbers that may leave a silo out. */
import { auroc, bootstrap, meanLoss, MIN_PER_CLASS } from "../../model/metrics/metrics.ts";
import type { Recipe } from "../../model/recipe.ts";
import { mergedHistogram } from "../maths/histogram.ts";
import type { Proposal, Scores } from "../protocol/messages.ts";
import type { SiloTest } from "./result.ts";
import type { SplitScores } from "../../model/predictions.ts";

function counts(labels: Uint8Array): { positives: number; negatives: number } {
  let positives = 0;
  for (const label of labels) positives += label;
  return { positives, negatives: labels.length - positives };
}

/** Whether figures may leave the silo: what is said of the films of two patients is said of two patients. */
function enough({ labels, patients }: SplitScores): boolean {
  const classes = [new Set<number>(), new Set<number>()];
  for (const [film, label] of labels.entries()) classes[label].add(patients[film]);
  return classes.every(({ size }) => size >= MIN_PER_CLASS);
}

/** Whether the model gave something that is no number. */
const diverged = ({ logits }: SplitScores) => logits.some(Number.isNaN);

/** Exact AUROC and mean loss on `val`, from 10 patients of either class on; null where they cannot be told. */
export function valScores(
  split: SplitScores,
  options: { recipe: Recipe; classWeights: [number, number] },
): Pick<Scores, "auroc" | "loss" | "diverged" | "positives" | "negatives"> {
  const { logits, labels } = split;
  const { positives, negatives } = counts(labels);
  if (diverged(split)) return { auroc: null, loss: null, diverged: true, positives, negatives };
  if (!enough(split)) return { auroc: null, loss: null, positives, negatives };
  const loss = meanLoss(logits, labels, options.recipe, options.classWeights);
  return { auroc: finite(auroc(logits, labels)), loss: finite(loss), positives, negatives };
}

/**
 * Exact AUROC on `test` with the standard error of a bootstrap over patients, from 10 patients of either class on, and
 * the merged histogram where the set is large enough.
 */
export function testScores(
  split: SplitScores,
  options: { seed: number; bins: Proposal["histogram"] },
): SiloTest {
  const { logits, labels, patients } = split;
  const { positives, negatives } = counts(labels);
  const images = labels.length;
  if (diverged(split) || !enough(split)) return { auroc: null, se: null, positives, negatives, images };
  const result = bootstrap({ scores: logits, labels, patients }, { seed: options.seed });
  const histogram = mergedHistogram(split, options.bins);
  return {
    auroc: finite(result.auroc),
    se: finite(result.se),
    positives,
    negatives,
    images,
    ...histogram === null ? {} : { histogram },
  };
}

/** Cuts pooled scores into one per shard, in shard order; `count` shards. */
export function byStratum(split: SplitScores, count: number): SplitScores[] {
  const { strata } = split;
  if (strata === undefined) return [split];
  return Array.from({ length: count }, (_, stratum) => {
    const keep = (_: number, i: number) => strata[i] === stratum;
    return {
      logits: split.logits.filter(keep),
      labels: split.labels.filter(keep),
      patients: split.patients.filter(keep),
    };
  });
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
