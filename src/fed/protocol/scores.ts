/** Scores: how good a silo finds the model of a round on its own films, and how long its turn took. */
import * as v from "valibot";
import { count, fraction, number, round, RunId } from "./fields.ts";

const auroc = v.nullable(fraction);
/** Standard error of an AUROC; the deviation of values in [0, 1] is at most one half. */
const se = v.nullable(number(0, 0.5));
/** How long a part of a turn took. */
const seconds = number(0, 1e7);
/** One number for each interval of a merged histogram: 62 bins and two open ends at most. */
const cells = v.pipe(v.array(count), v.minLength(1), v.maxLength(64));

/**
 * `POST /v1/rounds/R/scores`: the silo's own figures on `val` for the base of round R, which is g(R − 1), and of its turn.
 * A row that asks for no scores has neither AUROC nor loss, and no films of either class. The closing phase has
 * R = rounds + 1; there a second message carries `test`, of the selected model.
 */
export const ScoresSchema = v.strictObject({
  run: RunId,
  round,
  /** Exact AUROC; null with fewer than 10 patients of either class, or where it cannot be told. */
  auroc,
  /** Standard error of the AUROC, patients resampled; null without an AUROC. */
  se,
  /** Mean loss on `val`, the only loss that leaves; null with fewer than 10 patients of either class. */
  loss: v.nullable(number(0, 1e12)),
  /** The model gives no numbers on this silo's films. */
  diverged: v.exactOptional(v.literal(true)),
  positives: count,
  negatives: count,
  test: v.exactOptional(
    v.strictObject({
      auroc,
      se,
      positives: count,
      negatives: count,
      images: count,
      /** Films by class in merged bins of logits (histogram.ts); absent for small sets. */
      histogram: v.exactOptional(v.strictObject({ first: cells, positives: cells, negatives: cells })),
    }),
  ),
  /** How long the silo's turn took by part. */
  seconds: v.exactOptional(v.strictObject({
    pull: v.exactOptional(seconds),
    score: v.exactOptional(seconds),
    train: v.exactOptional(seconds),
    write: v.exactOptional(seconds),
  })),
  /** Images trained and scored in the turn. */
  images: v.exactOptional(count),
  /** Steps of the turn whose loss or gradient was not finite: they changed nothing. */
  skipped: v.exactOptional(count),
  /** Of them those before the first step that was taken: in fp16 they search for a loss scale. */
  searched: v.exactOptional(count),
});
export type Scores = v.InferOutput<typeof ScoresSchema>;

/** What a message says of `val` where its row asks for no scores. */
export const UNSCORED = { auroc: null, se: null, loss: null, positives: 0, negatives: 0 } as const;

/** Whether a message is about `val` as well, and not of a turn alone: every silo has films of both classes there. */
export function scoresVal({ positives, negatives }: Pick<Scores, "positives" | "negatives">): boolean {
  return positives + negatives > 0;
}

/** Answer to scores, and to a silo that declines. */
export const ReceivedSchema = v.strictObject({ received: v.literal(true) });
