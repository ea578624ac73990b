/**
 * Several hospitals' training played in this process, without the wire: the product's own engine, image order, schedule
 * and sum, so that ways of training can be compared by the hundred on films that lie on one machine.
 */
import type { DataSet } from "../../model/data_set.ts";
import { Engine } from "../../model/engine.ts";
import type { EngineConfig } from "../../model/engine_config.ts";
import { ImageOrder } from "../../model/image_order.ts";
import type { Libraries } from "../../model/libraries.ts";
import type { NetworkName } from "../../model/networks/networks.ts";
import type { Predictions } from "../../model/predictions.ts";
import type { LoadedPool } from "../../model/predictor.ts";
import type { Recipe } from "../../model/recipe.ts";
import { preprocessingOf } from "../../model/weights/model_file.ts";
import { classWeightsOf } from "../maths/class_weights.ts";
import { delta, fold, scaleFor } from "../maths/exact_sum.ts";
import { withSettledStatistics } from "../maths/settled_statistics.ts";
import { stepsOf } from "../maths/stretch.ts";
import { chunksOf } from "./chunks.ts";

/** Steps of a native call: a signal acts between. */
const CHUNK = 16;
/** Passes are added up in doubles. */
const ROUNDING = 1e-6;

/** One training. */
export interface Played {
  network: NetworkName;
  /** With `localEpochs` passes a round. */
  recipe: Recipe;
  /** The weights before it. */
  start: Float32Array;
  seed: number;
  /** Passes over the films of each, until the learning rate is at its end. */
  passes: number;
  /** Rows of each one's films: of several hospitals, which are federated, or of one who has all that is trained on. */
  parties: readonly Uint32Array[];
  /** Whether optimizers keep their moments from round to round. @default where there is one party */
  keep?: boolean;
}

/** A model that was made: by how many rounds and passes, and in how many seconds if all had trained at once. */
export interface Made {
  round: number;
  passes: number;
  seconds: number;
}

/** Where it is computed, and who hears of the start and of the model after each whole pass and at the end. */
export interface PlayOptions {
  device: EngineConfig["device"];
  threads: number;
  libraries: Libraries;
  /** `score` gives what the model says of some rows. */
  onModel(made: Made, score: (rows: Uint32Array) => Promise<Predictions>): Promise<void>;
  signal?: AbortSignal;
}

/**
 * Trains, and gives the last model's vector. `loaded`: all films, with their labels.
 *
 * @throws {DOMException} once `signal` is aborted
 */
export async function play(
  loaded: LoadedPool<DataSet>,
  played: Played,
  options: PlayOptions,
): Promise<Float32Array> {
  const { recipe: { localEpochs }, passes } = played;
  using training = await Training.begin(loaded, played, options);
  const score = (rows: Uint32Array) => training.score(rows);
  const rounds = Math.ceil(passes / localEpochs - ROUNDING);
  await options.onModel({ round: 0, passes: 0, seconds: 0 }, score);
  for (let round = 1, heard = 0; round <= rounds; round++) {
    const done = Math.min(passes, round * localEpochs);
    await training.round({ from: (round - 1) * localEpochs, to: done });
    if (round < rounds && Math.floor(done + ROUNDING) === heard) continue;
    heard = Math.floor(done + ROUNDING);
    await options.onModel({ round, passes: done, seconds: training.seconds }, score);
  }
  return training.vector;
}

/** One who trains. */
interface Party {
  engine: Engine;
  rows: Uint32Array;
  order: ImageOrder;
}

/** One training: an engine for each party, and the model. */
class Training implements Disposable {
  /** Of each round those of the party that took longest. */
  seconds = 0;
  vector: Float32Array;

  private constructor(
    readonly loaded: LoadedPool<DataSet>,
    readonly played: Played,
    readonly parties: Party[],
    readonly signal: AbortSignal | undefined,
  ) {
    this.vector = played.start;
  }

  static async begin(
    loaded: LoadedPool<DataSet>,
    played: Played,
    { device, threads, libraries, signal }: PlayOptions,
  ): Promise<Training> {
    const { network, seed } = played;
    const { labels, size } = loaded.pool;
    const rows = played.parties.flatMap((party) => [...party]);
    const recipe = withSettledStatistics(played.recipe, {
      ...{ images: rows.length, silos: played.parties.length, localEpochs: played.recipe.localEpochs },
    });
    const positives = rows.filter((row) => labels[row]).length;
    const classWeights = classWeightsOf({ recipe }, { images: rows.length, positives });
    using engines = new DisposableStack();
    const parties: Party[] = [];
    for (const [index, rows] of played.parties.entries()) {
      const silo = played.parties.length === 1 ? 0 : index + 1;
      const engine = engines.use(
        await Engine.create({
          ...{ network, size, channels: 1, precision: "auto", preprocessing: preprocessingOf(1) },
          ...{ device, threads, seed, silo, recipe, classWeights },
        }, libraries),
      );
      parties.push({ engine, rows, order: new ImageOrder(rows, { seed, silo }) });
    }
    engines.move();
    return new Training(loaded, { ...played, recipe }, parties, signal);
  }

  /** One round; whoever has no whole step in it is outside its sum. */
  async round(stretch: { from: number; to: number }): Promise<void> {
    const { recipe, passes, keep = this.parties.length === 1 } = this.played;
    const { layout } = this.parties[0].engine;
    const updates = [];
    let longest = 0;
    for (const { engine, rows, order } of this.parties) {
      const steps = stepsOf(stretch, { train: rows.length, batch: recipe.batch });
      if (steps.steps === 0) continue;
      const started = performance.now();
      await engine.writeVector(this.vector);
      if (!keep) await engine.resetOptimizer();
      const turn = { ...steps, p0: stretch.from / passes, p1: stretch.to / passes };
      for (const chunk of chunksOf(turn, { recipe, order, most: () => CHUNK })) {
        this.signal?.throwIfAborted();
        await engine.train(this.loaded.films, chunk);
      }
      updates.push({
        values: delta(await engine.readVector(), this.vector, layout),
        examples: rows.length,
      });
      longest = Math.max(longest, performance.now() - started);
    }
    this.seconds += longest / 1000;
    const all = updates.reduce((sum, { examples }) => sum + examples, 0);
    this.vector = fold(this.vector, updates, { layout, scale: scaleFor(all) });
  }

  /** What the model says of some films. */
  async score(rows: Uint32Array): Promise<Predictions> {
    const [{ engine }] = this.parties;
    await engine.writeVector(this.vector);
    return await this.loaded.predict(engine, rows, { signal: this.signal });
  }

  [Symbol.dispose](): void {
    for (const { engine } of this.parties) engine[Symbol.dispose]();
  }
}
