/**
 * The training engine as the rest of the program sees it: an engine, a resident data set, numbers in and out.
 *
 * Why chunks: native code runs K steps per call without asking back; progress and cancel act between chunks.
 */
import {
  bytesOf,
  check,
  checkAsync,
  handle,
  type Libraries,
  type Library,
  openLibrary,
  text,
} from "../shim/library.ts";
import { STATE } from "../shim/symbols.ts";
import type { Preprocessing } from "./weights/model_file.ts";
import type { DataSet } from "./data_set.ts";
import type { Layout, NetworkName } from "./layout.ts";
import type { Recipe } from "./recipe.ts";

export type { Libraries } from "../shim/library.ts";
export { NativeError } from "../shim/library.ts";

/** Everything an engine is made from; nothing of it changes later. */
export interface EngineConfig {
  network: NetworkName;
  /** Pixels a side, 32 to 1024. */
  size: number;
  channels: 1 | 3;
  device: "auto" | "cpu" | "cuda";
  /** Of convolutions in training and scoring; "auto": fp16 with loss scaling on a GPU, else fp32. */
  precision: "auto" | "fp32" | "fp16" | "bf16";
  /** Threads of the engine's own team, 1 to 256. */
  threads: number;
  /** Key of everything random, with `silo`. */
  seed: number;
  silo: number;
  recipe: Recipe;
  /** Loss weights of classes 0 and 1; [1, 1] when the recipe has none. */
  classWeights: [number, number];
  preprocessing: Preprocessing;
  /** On a GPU: records a training step once as a CUDA graph and replays it. @default false */
  graph?: boolean;
}

/** Steps to train: K = `lr.length`. */
export interface Chunk {
  /** Step number of the first, counted from the run's start (random numbers depend on it). */
  firstStep: number;
  /** (K) factors of the recipe's learning rate. */
  lr: Float32Array;
  /** (K) largest gradient norms; Infinity = none. */
  clip: Float32Array;
  /** (K · batch) rows of the data set. */
  indices: Uint32Array;
}

/** What a chunk did; norms are from before clipping. Skipped steps had a gradient that is not finite and changed no weight. */
export interface ChunkResult {
  losses: Float32Array;
  norms: Float32Array;
  skipped: number;
}

/** One network with its optimizer and its own thread. Calls are run in the order in which they were made. */
export class Engine implements Disposable {
  readonly #library: Library;
  readonly #batch: number;
  #id: number;

  private constructor(
    library: Library,
    id: number,
    batch: number,
    /** As the engine reports it; equals layoutOf() of src/model/layout.ts. */
    readonly layout: Layout,
    readonly info: { device: string; threads: number; build: string },
  ) {
    this.#library = library;
    this.#id = id;
    this.#batch = batch;
  }

  /**
   * Makes an engine; all weights are 0 until `writeVector`.
   *
   * @throws {NativeError} code "config": a field is out of range; "not_built": this library is for the CPU; "device": no GPU that works
   */
  static async create(config: EngineConfig, libraries: Libraries): Promise<Engine> {
    const library = openLibrary(libraries);
    const json = new TextEncoder().encode(nativeConfig(config));
    const out = new Uint32Array(1);
    await checkAsync(
      "fedx_engine_create",
      (err, errlen) => library.symbols.fedx_engine_create(json, json.length, bytesOf(out), err, errlen),
    );
    const info = { device: readDevice(library, out[0]), threads: config.threads, build: library.build };
    return new Engine(library, out[0], config.recipe.batch, readLayout(library, out[0]), info);
  }

  /** Copies the flat vector out: weights, then BatchNorm statistics, in layout order. */
  async readVector(): Promise<Float32Array> {
    const vector = new Float32Array(this.layout.length);
    await checkAsync(
      "fedx_state_read",
      (err, errlen) =>
        this.#library.symbols.fedx_state_read(
          this.#id,
          STATE.params,
          bytesOf(vector),
          vector.byteLength,
          err,
          errlen,
        ),
    );
    return vector;
  }

  /** Copies the flat vector in. The optimizer's state stays. */
  async writeVector(vector: Float32Array): Promise<void> {
    await this.#write(STATE.params, bytesOf(vector));
  }

  /** Sets Adam's moments, step count and loss scale as at the start of each round. */
  async resetOptimizer(): Promise<void> {
    for (const kind of [STATE.m, STATE.v, STATE.vmax, STATE.scalars]) {
      await this.#write(kind, new Uint8Array(0));
    }
  }

  /**
   * Trains K steps. The data set may be disposed meanwhile.
   *
   * @throws {RangeError} when the chunk's arrays do not match
   * @throws {NativeError} code "cancelled" or "shutdown"
   */
  async train(data: DataSet, chunk: Chunk): Promise<ChunkResult> {
    const steps = chunk.lr.length;
    const plan = packPlan(chunk, this.#batch);
    const ticket = handle(
      "fedx_train_submit",
      (out, err, errlen) =>
        this.#library.symbols.fedx_train_submit(this.#id, data.id, plan, plan.length, out, err, errlen),
    );
    const out = await this.#wait(ticket, 4 + 8 * steps);
    return {
      skipped: new Uint32Array(out, 0, 1)[0],
      losses: new Float32Array(out, 4, steps),
      norms: new Float32Array(out, 4 + 4 * steps, steps),
    };
  }

  /** Scores rows of the data set: one logit each, dropout off, BatchNorm's running statistics. */
  async predict(data: DataSet, rows: Uint32Array): Promise<Float32Array> {
    if (rows.length === 0) return new Float32Array(0);
    const ticket = handle(
      "fedx_predict_submit",
      (out, err, errlen) =>
        this.#library.symbols.fedx_predict_submit(
          this.#id,
          data.id,
          bytesOf(rows),
          rows.length,
          out,
          err,
          errlen,
        ),
    );
    return new Float32Array(await this.#wait(ticket, 4 * rows.length));
  }

  /** Drops chunks that have not begun; their promises reject with code "cancelled". */
  cancel(): void {
    check("fedx_cancel", (err, errlen) => this.#library.symbols.fedx_cancel(this.#id, err, errlen));
  }

  /** Drops queued chunks, waits for the step under way, frees the engine. */
  [Symbol.dispose](): void {
    if (this.#id === 0) return;
    this.#library.symbols.fedx_engine_destroy(this.#id, new Uint8Array(1), 1);
    this.#id = 0;
  }

  async #write(kind: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    await checkAsync(
      "fedx_state_write",
      (err, errlen) =>
        this.#library.symbols.fedx_state_write(this.#id, kind, bytes, bytes.length, err, errlen),
    );
  }

  async #wait(ticket: number, length: number): Promise<ArrayBuffer> {
    const out = new Uint8Array(length);
    await checkAsync(
      "fedx_wait",
      (err, errlen) => this.#library.symbols.fedx_wait(ticket, out, length, err, errlen),
    );
    return out.buffer;
  }
}

/** The flat JSON that native/engine/config.cpp reads. */
function nativeConfig(config: EngineConfig): string {
  const { recipe, preprocessing } = config;
  return JSON.stringify({
    network: config.network,
    device: config.device,
    precision: config.precision,
    size: config.size,
    channels: config.channels,
    threads: config.threads,
    seed: config.seed,
    silo: config.silo,
    class_weights: config.classWeights,
    mean: preprocessing.mean,
    deviation: preprocessing.deviation,
    batch: recipe.batch,
    lr: recipe.lr,
    beta1: recipe.beta1,
    beta2: recipe.beta2,
    eps: recipe.eps,
    weight_decay: recipe.weightDecay,
    amsgrad: recipe.amsgrad,
    lr_classifier: recipe.groups.classifier,
    lr_stem: recipe.groups.stem,
    lr_backbone: recipe.groups.backbone,
    gamma: recipe.loss.gamma,
    alpha: recipe.loss.alpha,
    dropout: recipe.dropout,
    stochastic_depth: recipe.stochasticDepth,
    flip: recipe.augment.flip,
    rotation: recipe.augment.rotation,
    brightness: recipe.augment.brightness,
    contrast: recipe.augment.contrast,
    freeze_statistics: recipe.bn === "frozen",
    graph: config.graph ?? false,
  });
}

/** One chunk as fedx_train_submit takes it. */
function packPlan(chunk: Chunk, batch: number): Uint8Array<ArrayBuffer> {
  const steps = chunk.lr.length;
  if (chunk.clip.length !== steps || chunk.indices.length !== steps * batch) {
    throw new RangeError(
      `Cannot train ${steps} steps: expected ${steps} clip norms and ${
        steps * batch
      } rows, got ${chunk.clip.length} and ${chunk.indices.length}`,
    );
  }
  const buffer = new ArrayBuffer(16 + steps * (8 + 4 * batch));
  new Uint32Array(buffer, 0, 4).set([steps, batch, chunk.firstStep, 0]);
  new Float32Array(buffer, 16, steps).set(chunk.lr);
  new Float32Array(buffer, 16 + 4 * steps, steps).set(chunk.clip);
  new Uint32Array(buffer, 16 + 8 * steps).set(chunk.indices);
  return new Uint8Array(buffer);
}

/** "cpu", or "cuda" and the GPU's name. */
function readDevice(library: Library, id: number): string {
  const out = new Uint8Array(256);
  check("fedx_engine_device", (err, errlen) => library.symbols.fedx_engine_device(id, out, 256, err, errlen));
  return text(out);
}

function readLayout(library: Library, id: number): Layout {
  const needed = new Uint32Array(1);
  const out = new Uint8Array(128 << 10);
  check(
    "fedx_layout",
    (err, errlen) => library.symbols.fedx_layout(id, out, out.length, bytesOf(needed), err, errlen),
  );
  return JSON.parse(text(out));
}
