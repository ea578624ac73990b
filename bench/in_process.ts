/**
 * Three hospitals' training played in this process, without the wire: the product's own engine, image order, schedule
 * and sum, so that ways of training can be compared by the hundred, those too that the product does not offer.
 */
import type { Pool } from "../src/data/pool.ts";
import { classWeightsOf } from "../src/fed/maths/class_weights.ts";
import { delta, fold, scaleFor } from "../src/fed/maths/exact_sum.ts";
import { stepsOf } from "../src/fed/maths/stretch.ts";
import type { DataSet } from "../src/model/data_set.ts";
import { Engine } from "../src/model/engine.ts";
import { ImageOrder } from "../src/model/image_order.ts";
import type { Layout } from "../src/model/layout.ts";
import { findLibraries } from "../src/model/libraries.ts";
import type { LoadedPool } from "../src/model/predictor.ts";
import { preset, type Recipe, scheduleOf } from "../src/model/recipe.ts";
import { initialWeights } from "../src/model/weights/initial.ts";
import { preprocessingOf } from "../src/model/weights/model_file.ts";

/** Steps of a native call. */
const CHUNK = 16;

type PresetName = "default" | "deck";

/** How one training goes. */
export interface Way {
  recipe: PresetName;
  init: "imagenet" | "random";
  seed: number;
  /** Passes over the films of all that train together, until the learning rate is at its end. */
  passes: number;
  /** Passes a round. @default 1 */
  round?: number;
  batch: number;
  /** @default the preset's */
  lr?: number;
  /** Whether each hospital's optimizer keeps its moments from round to round. @default false */
  keep?: boolean;
  /** Nesterov's momentum at the hub, and the factor of its step. @default none */
  outer?: { momentum: number; lr: number };
  /** Whether each hospital weighs its own classes equally. @default false */
  balanced?: boolean;
  /** Other numbers of the recipe. */
  change?: Partial<Recipe>;
}

/** One who trains: the rows of its films. */
export type Party = Uint32Array;

/**
 * What hears of every scored model: whole passes done, and a function that gives its logits of rows. Of a federation
 * `pooled` says whether with BatchNorm variances pooled over the hospitals, in place of their mean.
 */
export type OnModel = (
  passes: number,
  logits: (rows: Uint32Array, options?: { pooled?: boolean }) => Promise<Float32Array>,
) => Promise<void>;

/** Makes an engine for films of `size` pixels. */
export async function makeEngine(
  recipe: Recipe,
  options: { size: number; threads: number; seed?: number; silo?: number; classWeights?: [number, number] },
): Promise<Engine> {
  const { seed = 0, silo = 0, classWeights = [1, 1] } = options;
  return await Engine.create({
    ...{ network: "efficientnet_b0", channels: 1, device: "cpu", precision: "fp32" },
    ...{ ...options, seed, silo, recipe, classWeights },
    preprocessing: preprocessingOf(1),
  }, await findLibraries());
}

/** Trains in one way; `onModel` hears of the start and of the model after each whole pass. */
export async function play(
  loaded: LoadedPool<DataSet>,
  parties: Party[],
  way: Way,
  options: { size: number; threads: number; onModel: OnModel },
): Promise<void> {
  using training = await Training.begin(loaded, parties, way, options);
  const { round: length = 1, passes } = way;
  const rounds = Math.round(passes / length);
  for (let round = 0; round <= rounds; round++) {
    if (round > 0) await training.round({ from: (round - 1) * length, to: round * length });
    const done = round * length;
    if (round === rounds || isWhole(done)) {
      await options.onModel(Math.round(done), (rows, { pooled } = {}) => training.score(rows, pooled));
    }
  }
}

/** One training: an engine for each party, and the model. */
class Training implements Disposable {
  #vector: Float32Array;
  /** The model with pooled variances. */
  #pooled: Float32Array;
  readonly #outer: Outer | undefined;

  private constructor(
    readonly loaded: LoadedPool<DataSet>,
    readonly way: Omit<Way, "recipe"> & { recipe: Recipe },
    readonly parties: { engine: Engine; rows: Party; order: ImageOrder }[],
    start: Float32Array,
  ) {
    this.#vector = this.#pooled = start;
    this.#outer = way.outer && new Outer(way.outer, this.#layout);
  }

  static async begin(
    loaded: LoadedPool<DataSet>,
    parties: Party[],
    way: Way,
    options: { size: number; threads: number },
  ): Promise<Training> {
    const { batch, lr, init, seed } = way;
    const recipe = preset(way.recipe, { batch, ...lr !== undefined && { lr }, ...way.change });
    using engines = new DisposableStack();
    const made = [];
    for (const [index, rows] of parties.entries()) {
      const classWeights = weigh(loaded.pool, way.balanced ? [rows] : parties, recipe, way.balanced);
      const silo = parties.length === 1 ? 0 : index + 1;
      const engine = engines.use(await makeEngine(recipe, { ...options, seed, silo, classWeights }));
      made.push({ engine, rows, order: new ImageOrder(rows, { seed, silo }) });
    }
    const start = await initialWeights(made[0].engine.layout, { init, seed });
    engines.move();
    return new Training(loaded, { ...way, recipe }, made, start.vector);
  }

  get #layout(): Layout {
    return this.parties[0].engine.layout;
  }

  /** One round; whoever has no whole step in it is outside its sum. */
  async round(stretch: { from: number; to: number }): Promise<void> {
    const { batch, passes } = this.way;
    const moments = new PooledMoments(this.#layout), updates = [];
    for (const { engine, rows, order } of this.parties) {
      const steps = stepsOf(stretch, { train: rows.length, batch });
      if (steps.steps === 0) continue;
      await engine.writeVector(this.#vector);
      if (!this.way.keep) await engine.resetOptimizer();
      const turn = { ...steps, p0: stretch.from / passes, p1: stretch.to / passes };
      await trainTurn(engine, { films: this.loaded.films, order, recipe: this.way.recipe, turn });
      const trained = await engine.readVector();
      moments.add(trained, rows.length);
      updates.push({ values: delta(trained, this.#vector, this.#layout), examples: rows.length });
    }
    const all = updates.reduce((sum, { examples }) => sum + examples, 0);
    const next = fold(this.#vector, updates, { layout: this.#layout, scale: scaleFor(all) });
    this.#vector = this.#outer?.step(this.#vector, next) ?? next;
    this.#pooled = moments.into(this.#vector);
  }

  /** Logits of some films. */
  async score(rows: Uint32Array, pooled = false): Promise<Float32Array> {
    const { engine } = this.parties[0];
    await engine.writeVector(pooled ? this.#pooled : this.#vector);
    return (await this.loaded.predict(engine, rows)).logits;
  }

  [Symbol.dispose](): void {
    for (const { engine } of this.parties) engine[Symbol.dispose]();
  }
}

const isWhole = (passes: number) => Math.abs(passes - Math.round(passes)) < 1e-6;

/** Class weights of the films of some parties. */
function weigh(pool: Pool, parties: Party[], recipe: Recipe, always = false): [number, number] {
  const rows = parties.flatMap((party) => [...party]);
  const positives = rows.filter((row) => pool.labels[row]).length;
  const loss = { ...recipe.loss, classWeights: always || recipe.loss.classWeights };
  return classWeightsOf({ recipe: { ...recipe, loss } }, { images: rows.length, positives });
}

/** BatchNorm's mean and variance of all hospitals' activations together, from each one's own. */
class PooledMoments {
  readonly #means: Layout["tensors"];
  readonly #sums: Float64Array;
  #examples = 0;

  constructor(readonly layout: Layout) {
    this.#means = layout.tensors.filter(({ name }) => name.endsWith("running_mean"));
    this.#sums = new Float64Array(layout.length);
  }

  add(vector: Float32Array, examples: number): void {
    this.#examples += examples;
    this.#each((mean, variance) => {
      this.#sums[mean] += examples * vector[mean];
      this.#sums[variance] += examples * (vector[variance] + vector[mean] ** 2);
    });
  }

  into(vector: Float32Array): Float32Array {
    const out = vector.slice();
    this.#each((mean, variance) => {
      out[mean] = this.#sums[mean] / this.#examples;
      out[variance] = Math.max(0, this.#sums[variance] / this.#examples - out[mean] ** 2);
    });
    return out;
  }

  #each(visit: (mean: number, variance: number) => void): void {
    for (const { name, offset, length } of this.#means) {
      const variance = this.layout.tensors.find((one) =>
        one.name === name.replace("running_mean", "running_var")
      )!;
      for (let i = 0; i < length; i++) visit(offset + i, variance.offset + i);
    }
  }
}

/** The hub's own step with Nesterov's momentum, on weights; statistics are the plain mean's. */
class Outer {
  readonly #velocity: Float64Array;

  constructor(readonly options: { momentum: number; lr: number }, layout: Layout) {
    this.#velocity = new Float64Array(layout.weights);
  }

  step(base: Float32Array, mean: Float32Array): Float32Array {
    const { momentum, lr } = this.options;
    const out = mean.slice();
    for (let i = 0; i < this.#velocity.length; i++) {
      const change = mean[i] - base[i];
      this.#velocity[i] = momentum * this.#velocity[i] + change;
      out[i] = base[i] + lr * (change + momentum * this.#velocity[i]);
    }
    return out;
  }
}

async function trainTurn(engine: Engine, { films, order, recipe, turn }: {
  films: DataSet;
  order: ImageOrder;
  recipe: Recipe;
  turn: { firstStep: number; steps: number; p0: number; p1: number };
}): Promise<void> {
  const { lr, clip } = scheduleOf(recipe, turn);
  for (let done = 0; done < turn.steps; done += CHUNK) {
    const end = Math.min(done + CHUNK, turn.steps);
    await engine.train(films, {
      firstStep: turn.firstStep + done,
      lr: lr.subarray(done, end),
      clip: clip.subarray(done, end),
      indices: order.take((turn.firstStep + done) * recipe.batch, (end - done) * recipe.batch),
    });
  }
}
