/**
 * What the aggregator and the silos tell each other, as plain interfaces. `schema.ts` holds the strict schema of
 * each, so that no JSON from the wire becomes one of these unchecked.
 *
 * Terms: a *proposal* is every setting the operator chose; the *plan* is the proposal frozen with roster and class
 * weights; a *row* is one round's settings; an *update* is one silo's weight delta with its example count.
 * Durations are seconds, digests lower-case SHA-256 hex, offsets and sizes on the wire bytes.
 */
import type { Split } from "../../data/shard.ts";
import type { Preprocessing } from "../../model/weights/model_file.ts";
import type { NetworkName } from "../../model/layout.ts";
import type { Recipe } from "../../model/recipe.ts";
import { canonicalDigest } from "./canonical.ts";

/** Version of the frames, paths and messages; peers with another one refuse each other. */
export const WIRE_VERSION = 2;

/** Everything the aggregator's operator decides; silos fill in no defaults. */
export interface Proposal {
  version: 2;
  wire: 2;
  network: NetworkName;
  /** Edge of the square input, pixels. */
  size: number;
  channels: 1 | 3;
  preprocessing: Preprocessing;
  labelRule: "any-finding";
  recipe: Recipe;
  seed: number;
  /** Rounds in all, or null when only the budget limits the run. */
  rounds: number | null;
  /** Wall time from the opening of round 1 to the selected model on disk, seconds; null for none. */
  budget: number | null;
  /** Passes over a silo's training images per round. */
  localEpochs: number;
  /** Invited silos; the order fixes their numbers (index + 1). */
  silos: string[];
  quorum: number;
  /** Seconds from the opening of a round, or null for 3 × the median round, at least 10 min. */
  roundTimeout: number | null;
  joinTimeout: number;
  init: { kind: string; source: string; sha256: string };
  histogram: { bins: 62; low: -8; high: 8 };
}

/** Images, patients and positive images of one split. */
export interface SplitCounts {
  images: number;
  patients: number;
  positives: number;
}

/** `POST /v1/join`: what a silo says about itself; counts only, nothing of any patient. */
export interface Registration {
  silo: string;
  /** Digest of the shard's content. */
  shard: string;
  splits: Record<Split, SplitCounts>;
  device: string;
  threads: number;
  /** Build id of the engine. */
  build: string;
  /** From a few throw-away steps, measured alone. */
  stepsPerSecond: number;
  size: number;
  kernel: string;
  fit: string;
  labelRule: string;
  wire: 2;
}

/**
 * The proposal, frozen when the silos have joined; its canonical SHA-256 is the plan id. Every silo reads it, so it
 * names no silo's own counts, shard or machine.
 */
export interface Plan extends Proposal {
  /** Names of those who had joined, in the proposal's order. */
  roster: string[];
  /** Training images of the roster together, and those with a finding. */
  pooled: { images: number; positives: number };
  /** [w0, w1], w_c = N / (2 N_c) over the pooled training counts. */
  classWeights: [number, number];
}

/** Fixed-point exponents s of a row: q = Δ · 2^s. */
export interface Scale {
  /** For the weight block, 32 unless Σ n is very large. */
  weights: number;
  /** For the BatchNorm statistics, which may move far, 20. */
  statistics: number;
}

/** Passes over a silo's training images since the run began; moved by counted updates only. */
export interface Stretch {
  from: number;
  to: number;
}

/** One round's settings, committed before any silo hears of the round; holds no times. */
export interface Row {
  version: 2;
  /** Run id, 32 hex digits. */
  run: string;
  /** From 1. */
  round: number;
  /** SHA-256 of the base vector g(round − 1). */
  base: string;
  roster: string[];
  /** By silo of the roster; all of one length. */
  silos: Record<string, Stretch>;
  /** The schedule's interval [p0, p1] within [0, 1]. */
  p0: number;
  p1: number;
  scale: Scale;
  last: boolean;
}

export type RunState = "joining" | "round" | "closing" | "finished" | "failed";

/** `GET /v1/run`, and the answer to `POST /v1/join`. */
export interface RunView {
  version: 2;
  run: string;
  state: RunState;
  proposal: Proposal;
  plan: Plan | null;
  planId: string | null;
  /** The open round's row; null while joining and after the last round. */
  row: Row | null;
  /** Number of the open round; in the closing phase the number of rounds done. */
  round: number;
  /** Set when every silo has scored g(R); round 0 is the start. */
  selected: { round: number; sha256: string } | null;
  message?: string;
}

/** `POST /v1/rounds/R/update`: announces an update before any of its bytes. */
export interface UpdateStart {
  run: string;
  round: number;
  base: string;
  /** Layout fingerprint. */
  layout: string;
  bytes: number;
  /** Training images n ≥ 1. */
  examples: number;
  /** Of the update's f32 bytes. */
  sha256: string;
  /** 1 = f32 Δ; 2 is kept for masked int64. */
  encoding: 1;
  wire: 2;
}

/** The aggregator's word that an update counts. */
export interface Receipt {
  run: string;
  round: number;
  silo: string;
  sha256: string;
  examples: number;
}

/** Answer to `POST` and `PUT …/update`: bytes held so far; with the last one the receipt. */
export interface UpdateProgress {
  offset: number;
  receipt?: Receipt;
}

/**
 * `POST /v1/rounds/R/scores`: the silo's own figures on `val` for the base of round R, which is g(R − 1).
 * The closing phase has R = rounds + 1; there a second message carries `test`, of the selected model.
 */
export interface Scores {
  run: string;
  round: number;
  /** Exact AUROC; null with fewer than 10 patients of either class, or where it cannot be told. */
  auroc: number | null;
  /** Mean loss on `val`, the only loss that leaves; null with fewer than 10 patients of either class. */
  loss: number | null;
  /** The model gives no numbers on this silo's films. */
  diverged?: true;
  positives: number;
  negatives: number;
  test?: {
    auroc: number | null;
    se: number | null;
    positives: number;
    negatives: number;
    images: number;
    /** Films by class in merged bins of logits (histogram.ts); absent for small sets. */
    histogram?: { first: number[]; positives: number[]; negatives: number[] };
  };
  /** How long the silo's turn took by part. */
  seconds?: { pull?: number; score?: number; train?: number; write?: number };
  /** Images trained and scored in the turn. */
  images?: number;
  /** Steps of the turn whose loss or gradient was not finite: they changed nothing. */
  skipped?: number;
  /** Of them those before the first step that was taken: in fp16 they search for a loss scale. */
  searched?: number;
}

export type SiloPhase = "waiting" | "pulling" | "scoring" | "training" | "uploading" | "closing";

/** `POST /v1/heartbeat`, every 10 s. */
export interface Heartbeat {
  run: string;
  round: number;
  phase: SiloPhase;
  step: number;
  steps: number;
}

/** Answer to a heartbeat: enough for the silo to notice that the run has moved on. */
export interface HeartbeatAnswer {
  run: string;
  state: RunState;
  round: number;
}

/** Answer to scores. */
export interface Received {
  received: true;
}

/** Body of every answer with a status of 400 or more. */
export interface ErrorBody {
  code: string;
  expected: string;
  got: string;
  remedy: string;
}

/** SHA-256 hex of the canonical plan. */
export function planId(plan: Plan): string {
  return canonicalDigest(plan);
}

/** A new run id: 16 random bytes, hex. */
export function newRunId(): string {
  return crypto.getRandomValues(new Uint8Array(16)).toHex();
}
