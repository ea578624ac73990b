/** What a finished run says of itself: the objects behind `--json` of aggregate, train and local. */
import { normalInterval, siteOnly, stratified } from "../../model/metrics/metrics.ts";
import { pooledInterval } from "../maths/histogram.ts";
import type { Proposal, Registration, Scores } from "../protocol/messages.ts";
import type { Selection } from "../maths/selection.ts";
import type { Curve, OwnDecisions } from "./own_figures.ts";
import type { Trainer } from "./trainer.ts";

/** One silo's figures on its own `test`. */
export type SiloTest = NonNullable<Scores["test"]>;

/** The start model on `test`, and how much better the selected model ranks the same films. */
export interface StartTest extends SiloTest {
  /**
   * AUROC of the selected model minus the start's, with a paired interval that resamples patients; that is null where
   * every resample gives the same. Null where one of the two has no AUROC.
   */
  difference: { auroc: number; ci95: [number, number] | null } | null;
}

/** Test figures side by side; none of them alone is the truth about several hospitals. */
export interface TestResult {
  /** Σ P·N·AUROC / Σ P·N over silos. */
  stratified: number | null;
  ci95: [number, number] | null;
  /** The interval that surely holds the AUROC of all films pooled; null with `pooled_reason`. */
  pooled: { lower: number; upper: number } | null;
  pooled_reason?: string;
  /** AUROC of a score that knows only which silo a film came from. */
  site_only: number | null;
  silos: Record<string, SiloTest>;
}

/** The chosen model's figures on `val`, optimistic since it was chosen by them. */
export interface SelectionResult extends Selection {
  split: "val";
  note: "optimistic";
}

/** One round for curves and tables. */
export interface RoundResult {
  round: number;
  /** Of the model before this round, stratified on val; null, and no silo below, where it was not scored. */
  auroc: number | null;
  silos: Record<string, { auroc: number | null; loss: number | null }>;
  /** From this row's opening to its model on disk; null for the closing scores. */
  seconds: number | null;
}

/** How a run's updates were masked. */
export interface MaskedResult {
  /** Silos of the smallest sum. */
  smallest: number;
  /** What says who the silos were: keys that this silo has pinned, or the CA's holder alone; null at the aggregator. */
  trust: "pins" | "ca" | null;
}

/** `fedx aggregate`. */
export interface AggregatorResult {
  /** Whether a hospital was missing anywhere: of that the result speaks first. */
  degraded: boolean;
  /** By silo the rounds that closed without its part; rounds + 1 is the closing phase. */
  missing: Record<string, number[]>;
  /** Null where the aggregator saw each silo's update. */
  masked: MaskedResult | null;
  /** Which films count as positive: the proposal's. */
  label_rule: string;
  rounds: number;
  /** The round that was given up at the end of the budget. */
  abandoned?: number;
  selection: SelectionResult;
  test: TestResult;
  /** From the opening of round 1 to the selected model on disk. */
  seconds: number;
  /** Bytes of models and updates moved. */
  bytes: number;
  images: { trained: number; scored: number };
  /** Path of the selected model. */
  model: string;
  /** Of its weights: the flat f32 vector. */
  sha256: string;
  /** Of its file, as `sha256sum` prints it; a result that an older fedx kept has none. */
  file_sha256?: string;
  last_sha256: string;
  init: Proposal["init"];
  run: string;
  /** When it had this result, an ISO date-time; absent in a state of an older fedx. */
  finished?: string;
  /** What each silo that joined said of its films and its machine. */
  joined: Record<string, Pick<Registration, "splits" | "device" | "threads" | "build">>;
  history: RoundResult[];
}

/** `fedx train`. */
export interface SiloResult {
  /** The run that it took part in: its rounds, who was invited, the start, and which films count as positive. */
  of: { rounds: number; silos: string[]; init: Proposal["init"]; label_rule: string };
  /** Whether a hospital was missing anywhere, as the aggregator says. */
  degraded: boolean;
  /** By silo the rounds without it, as in the aggregator's result. */
  missing: Record<string, number[]>;
  /** Null where the aggregator saw this silo's updates. */
  masked: MaskedResult | null;
  /** Rounds in which this silo did its part. */
  rounds: number;
  /** Training images of this silo, its weight in the sum. */
  examples: number;
  seconds: number;
  images: { trained: number; scored: number };
  /** Path of the selected model in this silo's state. */
  model: string;
  /** Of its weights: the flat f32 vector. */
  sha256: string;
  /** Of its file, as `sha256sum` prints it; a result that an older fedx kept has none. */
  file_sha256?: string;
  test: SiloTest;
  /** When this silo had it, an ISO date-time; absent in a state of an older fedx. */
  finished?: string;
  own: SiloOwn;
  /** This silo's scores on `val` of the model before each round. */
  history: { round: number; auroc: number | null; loss: number | null }[];
  splits: Registration["splits"];
  machine: Trainer["info"];
}

/** What a silo worked out of its own films for itself, and sent to nobody. */
export interface SiloOwn extends OwnDecisions {
  /** The start model on `test`; null with `start_reason`. */
  start: SiloTest | null;
  start_reason?: string;
  /** ROC curves on `test`; null where there are too few patients for one. */
  roc: { selected: Curve | null; start: Curve | null };
}

/** `fedx local`. */
export interface LocalResult {
  /** Which films count as positive. */
  label_rule: string;
  selection: SelectionResult;
  test: TestResult;
  /** Decisions at the threshold that `val` fixed, on the pooled `test`. */
  own: OwnDecisions;
  /** By shard; absent where the start is no model from a file, so that there is nothing to compare with. */
  start?: Record<string, StartTest>;
  rounds: number;
  epochs: number;
  seconds: number;
  images: { trained: number; scored: number };
  model: string;
  /** Of its weights: the flat f32 vector. */
  sha256: string;
  /** Of its file, as `sha256sum` prints it. */
  file_sha256: string;
  last_sha256: string;
  init: Proposal["init"];
  history: RoundResult[];
}

/** The 95 % interval that follows from a silo's standard error; null where it has none. */
export function intervalOf({ auroc, se }: Pick<SiloTest, "auroc" | "se">): [number, number] | null {
  return auroc === null || se === null ? null : normalInterval(auroc, se);
}

/** Puts silos' test figures side by side. */
export function testResult(silos: Record<string, SiloTest>): TestResult {
  const all = Object.values(silos);
  const { auroc, ci95 } = stratified(all);
  const floor = siteOnly(all);
  const pooled = pooledInterval(silos);
  return {
    stratified: auroc,
    ci95,
    ..."reason" in pooled ? { pooled: null, pooled_reason: pooled.reason } : { pooled },
    site_only: Number.isNaN(floor) ? null : floor,
    silos,
  };
}

/** One round's scores for curves. */
export function roundResult(
  round: number,
  scores: Record<string, Scores>,
  seconds: number | null,
): RoundResult {
  return {
    round,
    auroc: stratified(Object.values(scores)).auroc,
    silos: Object.fromEntries(
      Object.entries(scores).map(([silo, { auroc, loss }]) => [silo, { auroc, loss }]),
    ),
    seconds,
  };
}
