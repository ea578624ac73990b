/** One round's settings: the aggregator commits them before any silo hears of the round. */
import * as v from "valibot";
import { Digest, fraction, integer, number, roster, round, RunId, SiloName } from "./fields.ts";

const passes = number(0, 1e9);

/** Passes over a silo's training images since the run began; moved by counted updates only. */
const StretchSchema = v.strictObject({ from: passes, to: passes });
export type Stretch = v.InferOutput<typeof StretchSchema>;

/** Fixed-point exponents s: q = Δ · 2^s. */
const ScaleSchema = v.strictObject({
  /** For the weight block, 32 unless Σ n is very large. */
  weights: integer(0, 32),
  /** For the BatchNorm statistics, which may move far, 20. */
  statistics: integer(0, 32),
});
export type Scale = v.InferOutput<typeof ScaleSchema>;

/** One round's settings. They hold no times, so that a round can be replayed. */
export const RoundSettingsSchema = v.strictObject({
  version: v.literal(3),
  /** The run's id, 32 hex digits. */
  run: RunId,
  /** From 1. */
  round,
  /** SHA-256 of the base vector g(round − 1). */
  base: Digest,
  roster,
  /** By silo of the roster; all of one length. */
  silos: v.record(SiloName, StretchSchema),
  /** The round's interval [p0, p1] of the schedule, within [0, 1]. */
  p0: fraction,
  p1: fraction,
  scale: ScaleSchema,
  /** Whether `val` is scored with the base; plan and round say it (`isScored`). */
  score: v.boolean(),
  last: v.boolean(),
});
export type RoundSettings = v.InferOutput<typeof RoundSettingsSchema>;
