/**
 * Ranking quality of scores against 0/1 labels: exact AUROC, the curve, and thresholds fixed on one set for another.
 */

/** Scores (any order-preserving number, e.g. logits) and labels (0 or 1), one per film. */
export interface Scored {
  scores: ArrayLike<number>;
  labels: ArrayLike<number>;
}

/**
 * Indices of `scores` in ascending order of score.
 *
 * @throws {RangeError} when a score is NaN, as a diverged model's are, or the lengths differ.
 */
export function rankOrder(scores: ArrayLike<number>, labels: ArrayLike<number>): Uint32Array<ArrayBuffer> {
  if (scores.length !== labels.length) {
    throw new RangeError(`Cannot rank scores: expected ${scores.length} labels, got ${labels.length}`);
  }
  const values = Float64Array.from(scores);
  const bad = values.reduce((count, value) => count + Number(Number.isNaN(value)), 0);
  if (bad > 0) {
    throw new RangeError(
      `Cannot score the model: expected numbers, got NaN for ${bad} of ${values.length} films: ` +
        "the model's logits are not finite; lower --lr and train again",
    );
  }
  return Uint32Array.from({ length: values.length }, (_, i) => i).sort((a, b) => values[a] - values[b]);
}

/**
 * P(score of a positive > score of a negative), ties ½: exact, by midranks in O(n log n).
 *
 * @returns a value in [0, 1], or NaN when one class is missing
 */
export function auroc(scores: ArrayLike<number>, labels: ArrayLike<number>): number {
  return weightedAuroc(rankOrder(scores, labels), scores, labels);
}

/** AUROC with a weight per film (`weight(i)`, e.g. how often a resample drew it); `order` ascends by score. */
export function weightedAuroc(
  order: Uint32Array,
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
  weight: (film: number) => number = () => 1,
): number {
  const { won, pairs } = weightedPairs(order, { scores, labels }, weight);
  return pairs > 0 ? won / pairs : NaN;
}

/** Weighted positive–negative pairs among the films of `order`, and those that the positive wins, ties ½. */
export function weightedPairs(
  order: Uint32Array,
  { scores, labels }: Scored,
  weight: (film: number) => number,
): { won: number; pairs: number } {
  let positives = 0, negatives = 0, won = 0;
  for (let at = 0; at < order.length;) {
    const score = scores[order[at]];
    let tiedPositives = 0, tiedNegatives = 0;
    for (; at < order.length && scores[order[at]] === score; at++) {
      const film = order[at];
      if (labels[film]) tiedPositives += weight(film);
      else tiedNegatives += weight(film);
    }
    won += tiedPositives * (negatives + tiedNegatives / 2);
    positives += tiedPositives;
    negatives += tiedNegatives;
  }
  return { won, pairs: positives * negatives };
}

/**
 * The ROC curve from (0, 0) to (1, 1), one point per distinct score; a film is called positive at score ≥ threshold.
 */
export function rocCurve(
  scores: ArrayLike<number>,
  labels: ArrayLike<number>,
): { fpr: number[]; tpr: number[]; threshold: number[] } {
  const order = rankOrder(scores, labels).reverse();
  const fpr = [0], tpr = [0], threshold = [Infinity];
  let positives = 0, negatives = 0;
  for (let at = 0; at < order.length;) {
    const score = scores[order[at]];
    for (; at < order.length && scores[order[at]] === score; at++) {
      if (labels[order[at]]) positives++;
      else negatives++;
    }
    fpr.push(negatives);
    tpr.push(positives);
    threshold.push(score);
  }
  return { fpr: fpr.map((n) => n / negatives), tpr: tpr.map((n) => n / positives), threshold };
}

/**
 * Sensitivity and specificity on `test` at the threshold that `val` fixed: for a sensitivity target the highest
 * threshold that reaches it, for a specificity target the lowest.
 *
 * @throws {TypeError} unless exactly one target is given.
 * @throws {RangeError} when `val` lacks a class or the target is outside [0, 1].
 */
export function operatingPoint(
  val: Scored,
  test: Scored,
  target: { sensitivity?: number; specificity?: number },
): { threshold: number; sensitivity: number; specificity: number } {
  const { sensitivity, specificity } = target;
  if ((sensitivity === undefined) === (specificity === undefined)) {
    throw new TypeError(
      "Cannot fix a threshold: expected a sensitivity or a specificity, got both or neither",
    );
  }
  const goal = sensitivity ?? specificity!;
  const { fpr, tpr, threshold } = rocCurve(val.scores, val.labels);
  if (!(goal >= 0 && goal <= 1) || Number.isNaN(tpr.at(-1)) || Number.isNaN(fpr.at(-1))) {
    throw new RangeError(`Cannot fix a threshold: expected a target in [0, 1] and both classes, got ${goal}`);
  }
  const at = sensitivity !== undefined
    ? tpr.findIndex((rate) => rate >= goal)
    : fpr.findLastIndex((rate) => 1 - rate >= goal - 1e-12);
  const fixed = threshold[at];
  return { threshold: fixed, ...ratesAt(test, fixed) };
}

function ratesAt(
  { scores, labels }: Scored,
  threshold: number,
): { sensitivity: number; specificity: number } {
  let positives = 0, found = 0, cleared = 0;
  for (let i = 0; i < scores.length; i++) {
    if (labels[i]) positives++;
    if (labels[i] && scores[i] >= threshold) found++;
    if (!labels[i] && scores[i] < threshold) cleared++;
  }
  return { sensitivity: found / positives, specificity: cleared / (scores.length - positives) };
}
