/**
 * The trainer of real silos: shards resident in the native engine, image order and schedule from TypeScript.
 *
 * Several shards are one pooled set: rows in shard order, patients made distinct between shards.
 */
import { type Shard, type Split, SPLITS } from "../../data/shard.ts";
import { randomWeights } from "../../model/weights/random.ts";
import type { Layout, NetworkName } from "../../model/layout.ts";
import { DataSet } from "../../model/data_set.ts";
import { Engine, type Libraries } from "../../model/engine.ts";
import type { Preprocessing } from "../../model/weights/model_file.ts";
import { Order } from "../../model/image_order.ts";
import { scheduleOf } from "../../model/recipe.ts";
import type { SplitScores } from "../../model/predictions.ts";
import { median } from "../maths/median.ts";
import type { ShardFacts, Trainer, TrainerSettings, TrainRow } from "./trainer.ts";

/** Steps whose median tells the speed: a stop of the machine in one or two of them changes nothing. */
const TIMED = 5;
/** Seconds of training per native call: long enough to cost nothing, short enough to cancel. */
const CHUNK = 0.2;
const MOST_STEPS = 64;

/** What an engine is made of beside the plan's settings. */
export interface EngineTrainerOptions extends TrainerSettings {
  /** At least one; all of one size. */
  shards: readonly Shard[];
  network: NetworkName;
  channels: 1 | 3;
  preprocessing: Preprocessing;
  device: "auto" | "cpu" | "cuda";
  threads: number;
  libraries: Libraries;
  /** Milliseconds that only grow. @default performance.now */
  clock?: () => number;
}

/** Trains on shards with the native engine. */
export class EngineTrainer implements Trainer {
  readonly shard: ShardFacts;
  readonly #options: EngineTrainerOptions;
  readonly #data: DataSet;
  readonly #rows: Record<Split, Uint32Array>;
  readonly #labels: Uint8Array;
  readonly #patients: Uint32Array;
  readonly #strata: Uint32Array;
  #engine: Engine;
  #settings: TrainerSettings;
  #order: Order;
  readonly #clock: () => number;
  #chunk = 1;

  private constructor(options: EngineTrainerOptions, data: DataSet, engine: Engine) {
    this.#options = options;
    this.#data = data;
    this.#engine = engine;
    this.#settings = options;
    this.#clock = options.clock ?? (() => performance.now());
    const pooled = pool(options.shards);
    this.#rows = pooled.rows;
    this.#labels = pooled.labels;
    this.#patients = pooled.patients;
    this.#strata = pooled.strata;
    this.shard = factsOf(options.shards);
    this.#order = new Order(this.#rows.train, options);
  }

  /** Loads the shards' pixels into the engine. @throws {RangeError} when their sizes differ. */
  static async create(options: EngineTrainerOptions): Promise<EngineTrainer> {
    const { shards, libraries } = options;
    const size = shards[0].size;
    const other = shards.find((shard) => shard.size !== size);
    if (other !== undefined) {
      throw new RangeError(
        `Cannot pool shards: expected all of ${size} px, got one of ${other.size} px; prepare it again`,
      );
    }
    const n = shards.reduce((sum, shard) => sum + shard.count, 0);
    const data = await DataSet.create(libraries, { n, size });
    try {
      let first = 0;
      for (const shard of shards) {
        for await (const block of shard.pixelBlocks()) await data.put(first + block.first, block.pixels);
        data.labels(first, shard.binary());
        first += shard.count;
      }
      return new EngineTrainer(options, data, await makeEngine(options, options));
    } catch (error) {
      data[Symbol.dispose]();
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
      this.#engine = await makeEngine(this.#options, settings);
    }
    this.#settings = pick(settings);
    this.#order = new Order(this.#rows.train, settings);
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
    row: TrainRow,
    options: { onStep?: (done: number, loss: number) => void; signal?: AbortSignal } = {},
  ): Promise<{ vector: Float32Array; images: number; skipped: boolean[] }> {
    await this.#engine.resetOptimizer();
    const skipped = await this.#steps(row, options);
    const images = row.steps * this.#settings.recipe.batch;
    return { vector: await this.#engine.readVector(), images, skipped };
  }

  async score(split: Split): Promise<SplitScores> {
    const rows = this.#rows[split];
    const logits = await this.#engine.predict(this.#data, rows);
    const labels = Uint8Array.from(rows, (row) => this.#labels[row]);
    const patients = Uint32Array.from(rows, (row) => this.#patients[row]);
    const scores: SplitScores = { logits, labels, patients };
    return this.#options.shards.length > 1
      ? { ...scores, strata: Uint32Array.from(rows, (row) => this.#strata[row]) }
      : scores;
  }

  [Symbol.dispose](): void {
    this.#engine[Symbol.dispose]();
    this.#data[Symbol.dispose]();
  }

  /** Chunks of steps; returns which of them were skipped. */
  async #steps(
    row: TrainRow,
    options: { onStep?: (done: number, loss: number) => void; signal?: AbortSignal } = {},
  ): Promise<boolean[]> {
    const { recipe } = this.#settings;
    const { lr, clip } = scheduleOf(recipe, row);
    const skipped: boolean[] = [];
    for (let done = 0; done < row.steps;) {
      options.signal?.throwIfAborted();
      const started = this.#clock();
      const steps = Math.min(this.#chunk, row.steps - done);
      const firstStep = row.firstStep + done;
      const { losses, norms } = await this.#engine.train(this.#data, {
        firstStep,
        lr: lr.subarray(done, done + steps),
        clip: clip.subarray(done, done + steps),
        indices: this.#order.take(firstStep * recipe.batch, steps * recipe.batch),
      });
      done += steps;
      losses.forEach((loss, k) => skipped.push(!Number.isFinite(loss) || !Number.isFinite(norms[k])));
      options.onStep?.(done, losses.reduce((a, b) => a + b, 0) / steps);
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

function makeEngine(options: EngineTrainerOptions, settings: TrainerSettings): Promise<Engine> {
  const { network, channels, preprocessing, device, threads, shards, libraries } = options;
  const fixed = {
    network,
    channels,
    preprocessing,
    device,
    threads,
    size: shards[0].size,
    precision: "auto" as const,
  };
  return Engine.create({ ...fixed, ...pick(settings) }, libraries);
}

/** The columns of several shards as one. */
function pool(shards: readonly Shard[]) {
  const n = shards.reduce((sum, shard) => sum + shard.count, 0);
  const labels = new Uint8Array(n), patients = new Uint32Array(n), strata = new Uint32Array(n);
  const rows: Record<Split, number[]> = { train: [], val: [], test: [] };
  let first = 0, patient = 0;
  for (const [index, shard] of shards.entries()) {
    labels.set(shard.binary(), first);
    let most = -1;
    for (let i = 0; i < shard.count; i++) {
      patients[first + i] = patient + shard.patients[i];
      strata[first + i] = index;
      most = Math.max(most, shard.patients[i]);
    }
    for (const split of SPLITS) for (const row of shard.rows(split)) rows[split].push(first + row);
    first += shard.count;
    patient += most + 1;
  }
  const typed = Object.fromEntries(SPLITS.map((split) => [split, Uint32Array.from(rows[split])]));
  return { labels, patients, strata, rows: typed as Record<Split, Uint32Array> };
}

/** One shard's facts, or the sums of several under the first one's digest. */
export function factsOf(shards: readonly Shard[]): ShardFacts {
  const { size, kernel, fit, labelRule, digest } = shards[0].manifest;
  const splits = Object.fromEntries(SPLITS.map((split) => {
    const sum = (key: "images" | "patients" | "positives") =>
      shards.reduce((total, shard) => total + shard.manifest.counts[split][key], 0);
    return [split, { images: sum("images"), patients: sum("patients"), positives: sum("positives") }];
  })) as ShardFacts["splits"];
  return { shard: digest, splits, size, kernel, fit, labelRule };
}
