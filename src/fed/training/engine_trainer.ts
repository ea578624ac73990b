/**
 * The trainer of real silos: the native engine with the shards' films in its memory. The order of the images and the
 * schedule of the learning rate come from TypeScript, so that a run can be replayed without the engine's help.
 */
import { checkTrainable } from "../../data/classes.ts";
import { poolOf } from "../../data/pool.ts";
import type { Shard, Split } from "../../data/shard.ts";
import type { DataSet } from "../../model/data_set.ts";
import { Engine, type EngineConfig } from "../../model/engine.ts";
import { ImageOrder } from "../../model/image_order.ts";
import type { Layout } from "../../model/layout.ts";
import { cores, findLibraries, type Libraries } from "../../model/libraries.ts";
import type { Predictions } from "../../model/predictions.ts";
import type { LoadedPool } from "../../model/predictor.ts";
import { loadTrainingFilms } from "../../model/training_films.ts";
import { randomWeights } from "../../model/weights/random.ts";
import { median } from "../maths/median.ts";
import { chunksOf } from "./chunks.ts";
import type { Proposal } from "../protocol/messages.ts";
import { factsOf, type ShardFacts } from "./shard_facts.ts";
import type { Trainer, TrainerSettings, Turn } from "./trainer.ts";

/** Steps that are timed to tell the speed. Their median does, so that a machine that stops in one or two changes nothing. */
const TIMED = 5;
/** Seconds of training per native call: long enough to cost nothing, short enough to cancel. */
const CHUNK = 0.2;
const MOST_STEPS = 64;

/** What of a run's proposal an engine is made from. */
export type EngineSettings = Pick<
  Proposal,
  "network" | "channels" | "preprocessing" | "labelRule" | "recipe" | "seed"
>;

/** The films, and what of this machine to use. */
export interface EngineTrainerOptions {
  /** At least one; all of one size. */
  shards: readonly Shard[];
  /** Number of the silo, from 1 in the proposal's order; 0 for local training. @default 0 */
  silo?: number;
  /** @default "auto" */
  device?: EngineConfig["device"];
  /** @default the cores that this process may use */
  threads?: number;
  /** On a GPU: the same bits from the same input, with slower kernels. @default false */
  deterministic?: boolean;
  /** @default those that `findLibraries` finds */
  libraries?: Libraries;
  /** Milliseconds that only grow. @default performance.now */
  clock?: () => number;
}

/** Trains on shards with the native engine. */
export class EngineTrainer implements Trainer {
  readonly shard: ShardFacts;
  readonly #make: (settings: TrainerSettings) => Promise<Engine>;
  readonly #loaded: LoadedPool<DataSet>;
  readonly #clock: () => number;
  #engine: Engine;
  #settings: TrainerSettings;
  #order: ImageOrder;
  /** Steps of the next native call. */
  #chunk = 1;

  private constructor(parts: {
    make: (settings: TrainerSettings) => Promise<Engine>;
    engine: Engine;
    settings: TrainerSettings;
    loaded: LoadedPool<DataSet>;
    shard: ShardFacts;
    options: EngineTrainerOptions;
  }) {
    this.#make = parts.make;
    this.#engine = parts.engine;
    this.#settings = parts.settings;
    this.#loaded = parts.loaded;
    this.#clock = parts.options.clock ?? (() => performance.now());
    this.shard = parts.shard;
    this.#order = new ImageOrder(parts.loaded.pool.rows.train, parts.settings);
  }

  /**
   * Makes an engine and copies the shards' films into it. Class weights come with the plan (`configure`).
   *
   * @throws {ProtocolError} as `factsOf`
   * @throws {RangeError} when the shards' films differ in size
   * @throws {Error} when one is for evaluation only
   * @throws {NativeError} as `Engine.create`
   */
  static async create(proposal: EngineSettings, options: EngineTrainerOptions): Promise<EngineTrainer> {
    const { shards, silo = 0, device = "auto", threads = cores(), deterministic } = options;
    const { network, channels, preprocessing, labelRule, recipe, seed } = proposal;
    shards.forEach(checkTrainable);
    const shard = factsOf(shards, { labelRule });
    const pool = poolOf(shards, { labelRule });
    const libraries = options.libraries ?? await findLibraries();
    const fixed = { network, channels, preprocessing, device, threads, deterministic, size: pool.size };
    const make = (settings: TrainerSettings) =>
      Engine.create({ ...fixed, precision: "auto", ...pick(settings) }, libraries);
    const settings: TrainerSettings = { recipe, classWeights: [1, 1], seed, silo };
    const engine = await make(settings);
    try {
      const loaded = await loadTrainingFilms(libraries, pool);
      return new EngineTrainer({ make, engine, settings, loaded, shard, options });
    } catch (error) {
      engine[Symbol.dispose]();
      throw error;
    }
  }

  get layout(): Layout {
    return this.#engine.layout;
  }

  get info(): { device: string; threads: number; build: string } {
    return this.#engine.info;
  }

  async configure(settings: TrainerSettings): Promise<void> {
    if (JSON.stringify(pick(settings)) !== JSON.stringify(pick(this.#settings))) {
      this.#engine[Symbol.dispose]();
      this.#engine = await this.#make(settings);
    }
    this.#settings = pick(settings);
    this.#order = new ImageOrder(this.#loaded.pool.rows.train, settings);
  }

  async stepsPerSecond(): Promise<number> {
    await this.load(randomWeights(this.layout, this.#settings.seed));
    await this.#steps({ firstStep: 0, steps: 1, p0: 0, p1: 0 });
    const took: number[] = [];
    for (let firstStep = 1; firstStep <= TIMED; firstStep++) {
      const started = this.#clock();
      await this.#steps({ firstStep, steps: 1, p0: 0, p1: 0 });
      took.push(this.#clock() - started);
    }
    const speed = 1000 / median(took);
    this.#chunk = chunkOf(speed);
    return speed;
  }

  async load(vector: Float32Array): Promise<void> {
    await this.#engine.writeVector(vector);
  }

  async train(
    turn: Turn,
    options: { onStep?: (done: number, loss: number) => void; signal?: AbortSignal } = {},
  ): Promise<{ vector: Float32Array; images: number; skipped: boolean[] }> {
    await this.#engine.resetOptimizer();
    const skipped = await this.#steps(turn, options);
    const images = turn.steps * this.#settings.recipe.batch;
    return { vector: await this.#engine.readVector(), images, skipped };
  }

  predict(split: Split): Promise<Predictions> {
    return this.#loaded.predict(this.#engine, this.#loaded.pool.rows[split]);
  }

  [Symbol.dispose](): void {
    this.#engine[Symbol.dispose]();
    this.#loaded[Symbol.dispose]();
  }

  /** Trains in chunks of steps; returns for each step whether it was skipped. */
  async #steps(
    turn: Turn,
    options: { onStep?: (done: number, loss: number) => void; signal?: AbortSignal } = {},
  ): Promise<boolean[]> {
    const { recipe } = this.#settings;
    const skipped: boolean[] = [];
    for (const chunk of chunksOf(turn, { recipe, order: this.#order, most: () => this.#chunk })) {
      options.signal?.throwIfAborted();
      const started = this.#clock();
      const { losses, norms } = await this.#engine.train(this.#loaded.films, chunk);
      const steps = losses.length;
      losses.forEach((loss, k) => skipped.push(!Number.isFinite(loss) || !Number.isFinite(norms[k])));
      options.onStep?.(skipped.length, losses.reduce((a, b) => a + b, 0) / steps);
      this.#chunk = chunkOf(steps * 1000 / (this.#clock() - started));
    }
    return skipped;
  }
}

/** Steps of a native call at this speed, steps per second. */
function chunkOf(speed: number): number {
  return Math.max(1, Math.min(MOST_STEPS, Math.round(CHUNK * speed)));
}

/** Only the settings, so that two of them compare. */
function pick({ recipe, classWeights, seed, silo }: TrainerSettings): TrainerSettings {
  return { recipe, classWeights, seed, silo };
}
