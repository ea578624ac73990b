/**
 * What a silo needs of whoever trains: load a vector, take steps, predict a split.
 *
 * Why an interface: the protocol is tested and timed with a trainer that draws random deltas, and the
 * engine is one implementation among others.
 */
import type { Layout } from "../../model/layout.ts";
import type { Predictions } from "../../model/predictions.ts";
import type { Recipe } from "../../model/recipe.ts";
import type { Split } from "../../data/shard.ts";
import type { ShardFacts } from "./shard_facts.ts";

/** The plan's settings that a trainer depends on, beside network and size. */
export interface TrainerSettings {
  recipe: Recipe;
  classWeights: [number, number];
  seed: number;
  /** Number of the silo, from 1 in plan order; 0 for local training. */
  silo: number;
}

/** One silo's training in one round. */
export interface Turn {
  /** Where its first batch stands in the silo's endless stream of batches. */
  firstStep: number;
  steps: number;
  /** Progress of the whole run before and after the turn, each in [0, 1]: the schedule depends on it. */
  p0: number;
  p1: number;
}

/** Trains one silo's share; the same settings, vector and turn give the same result. */
export interface Trainer extends Disposable {
  readonly layout: Layout;
  readonly info: { device: string; threads: number; build: string };
  readonly shard: ShardFacts;
  /** Takes the plan's settings; called before `load`. */
  configure(settings: TrainerSettings): Promise<void>;
  /** Measures training speed with a few throw-away steps. */
  stepsPerSecond(): Promise<number>;
  /** Takes the vector to train from or to predict with; it stays in use until the turn is over. */
  load(vector: Float32Array): Promise<void>;
  /**
   * Trains a turn from the loaded vector with fresh optimizer moments. `onStep` hears steps done and the mean loss
   * of the latest. `images` counts the films trained on; `vector` is the caller's, who may overwrite it; `skipped` says
   * of each step whether its loss or gradient was not finite, so that it changed nothing.
   * @throws the signal's reason when aborted.
   */
  train(
    turn: Turn,
    options?: { onStep?: (done: number, loss: number) => void; signal?: AbortSignal },
  ): Promise<{ vector: Float32Array; images: number; skipped: boolean[] }>;
  /** Predicts the films of a split with the loaded vector. */
  predict(split: Split): Promise<Predictions>;
}
