/**
 * What a silo needs of whoever trains: load a vector, take steps, score a split.
 *
 * Why an interface: the protocol is tested and timed with a trainer that draws random deltas, and the
 * engine is one implementation among others.
 */
import type { Layout } from "../../model/layout.ts";
import type { Recipe } from "../../model/recipe.ts";
import type { Split } from "../../data/shard.ts";
import type { Registration } from "../protocol/messages.ts";
import type { SplitScores } from "../../model/predictions.ts";

/** What a registration says of the shard. */
export type ShardFacts = Pick<Registration, "shard" | "splits" | "size" | "kernel" | "fit" | "labelRule">;

/** The plan's settings that a trainer depends on, beside network and size. */
export interface TrainerSettings {
  recipe: Recipe;
  classWeights: [number, number];
  seed: number;
  /** Number of the silo, from 1 in plan order; 0 for local training. */
  silo: number;
}

/** One turn of training. */
export interface TrainRow {
  /** Position in the silo's endless stream of batches. */
  firstStep: number;
  steps: number;
  p0: number;
  p1: number;
}

/** Trains one silo's share; the same settings, vector and row give the same result. */
export interface Trainer extends Disposable {
  readonly layout: Layout;
  readonly info: { device: string; threads: number; build: string };
  readonly shard: ShardFacts;
  /** Takes the plan's settings; called before `load`. */
  configure(settings: TrainerSettings): Promise<void>;
  /** Measures training speed with a few throw-away steps. */
  stepsPerSecond(): Promise<number>;
  /** Takes the vector to train or score from; it stays as it is until the next. */
  load(vector: Float32Array): Promise<void>;
  /**
   * Trains a turn from the loaded vector with fresh optimizer moments. `onStep` hears steps done and the mean loss
   * of the latest. `images` counts the films trained on; `vector` is the caller's, who may overwrite it; `skipped` says
   * of each step whether its loss or gradient was not finite, so that it changed nothing.
   * @throws the signal's reason when aborted.
   */
  train(
    row: TrainRow,
    options?: { onStep?: (done: number, loss: number) => void; signal?: AbortSignal },
  ): Promise<{ vector: Float32Array; images: number; skipped: boolean[] }>;
  /** Scores a split with the loaded vector. */
  score(split: Split): Promise<SplitScores>;
}
