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
import { DataSet } from "./data_set.ts";
import { type Chunk, type EngineConfig, nativeConfig, packPlan } from "./engine_config.ts";
import type { Layout } from "./layout.ts";
import { cores, findLibraries } from "./libraries.ts";
import type { Model, Predictor } from "./predictor.ts";
import { preset } from "./recipe.ts";

export type { Chunk, EngineConfig } from "./engine_config.ts";
export { type Libraries, NativeError } from "../shim/library.ts";

/** What a chunk did; norms are from before clipping. Skipped steps had a gradient that is not finite and changed no weight. */
export interface ChunkResult {
  losses: Float32Array;
  norms: Float32Array;
  skipped: number;
}

/** One network with its optimizer and its own thread. Calls are run in the order in which they were made. */
export class Engine implements Predictor<DataSet> {
  /** Height and width of its films, pixels. */
  readonly size: number;
  readonly kernel: string;
  /** As the engine reports it; equals layoutOf() of src/model/layout.ts. */
  readonly layout: Layout;
  readonly info: { device: string; threads: number; build: string };
  readonly #library: Library;
  readonly #libraries: Libraries;
  readonly #batch: number;
  #id: number;

  private constructor(id: number, config: EngineConfig, libraries: Libraries) {
    const library = this.#library = openLibrary(libraries);
    this.#libraries = libraries;
    this.#id = id;
    this.#batch = config.recipe.batch;
    this.size = config.size;
    this.kernel = config.preprocessing.kernel;
    this.layout = readLayout(library, id);
    this.info = { device: readDevice(library, id), threads: config.threads, build: library.build };
  }

  /**
   * Makes an engine to train with; all weights are 0 until `writeVector`.
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
    return new Engine(out[0], config, libraries);
  }

  /**
   * Makes an engine that scores films with a model.
   *
   * @param options.libraries @default those that `findLibraries` finds
   * @param options.threads @default the cores that this process may use
   * @throws {NativeError} as `create`
   */
  static async open(
    { vector, metadata }: Model,
    options: { libraries?: Libraries; device?: EngineConfig["device"]; threads?: number } = {},
  ): Promise<Engine> {
    const { libraries = await findLibraries(), device = "auto", threads = cores() } = options;
    const { network, size, channels, preprocessing } = metadata;
    const engine = await Engine.create({
      ...{ network, size, channels, preprocessing, device, threads },
      precision: "fp32",
      seed: 0,
      silo: 0,
      recipe: preset("default"),
      classWeights: [1, 1],
    }, libraries);
    try {
      await engine.writeVector(vector);
    } catch (error) {
      engine[Symbol.dispose]();
      throw error;
    }
    return engine;
  }

  /** Room for n films, to train with or to score; it outlives this engine and serves every other one. */
  films(n: number): Promise<DataSet> {
    return DataSet.create(this.#libraries, { n, size: this.size });
  }

  /** The native handle. @throws {NativeError} code "handle" in the next call once disposed */
  get id(): number {
    return this.#id;
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
