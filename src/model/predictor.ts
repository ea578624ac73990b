/**
 * From a model and films to logits: the one way in which evaluate, predict, the demo and a silo's rounds score films.
 *
 * Why an interface: the native engine is fast, tfjs runs where libtorch does not, and each checks the other's
 * arithmetic. `tests/model/predictor_test.ts` says what both promise.
 */
import type { Pool } from "../data/pool.ts";
import { checkKernel, prepareOptions } from "../kernel.ts";
import type { Layout } from "./layout.ts";
import { columnsAt, type Predictions } from "./predictions.ts";
import type { ModelMetadata } from "./weights/model_file.ts";

/** Films scored at a time; a signal acts between. */
const CHUNK = 512;

/** A model as `loadModel` reads it. `vector`: (layout.length) f32. */
export interface Model {
  vector: Float32Array<ArrayBuffer>;
  layout: Layout;
  metadata: ModelMetadata;
}

/** Grey films in a predictor's memory. Freed by `using` or when disposed. */
export interface Films extends Disposable {
  /**
   * Copies whole films in from row `first`. pixels: (k, size, size) u8.
   *
   * @throws {RangeError} when they are not whole films
   */
  put(first: number, pixels: Uint8Array): Promise<void>;
}

/** A network with its weights, ready to score. Dispose of its films before it. */
export interface Predictor<F extends Films = Films> extends Disposable {
  /** Height and width of the films that it takes, pixels. */
  readonly size: number;
  /** How they are made (src/kernel.ts). */
  readonly kernel: string;
  /** Room for n films, all black. */
  films(n: number): Promise<F>;
  /**
   * One logit per row of films of its own: dropout off, BatchNorm's running statistics.
   *
   * @throws {Error} for a row that is not there
   */
  predict(films: F, rows: Uint32Array): Promise<Float32Array>;
}

/** A pool's films in a predictor's memory, with their labels and patients beside them. */
export class LoadedPool<F extends Films = Films> implements Disposable {
  private constructor(readonly pool: Pool, readonly films: F) {}

  /** Copies the films in. @throws {Error} when they are not of the predictor's size and kernel */
  static async load<F extends Films>(
    predictor: Pick<Predictor<F>, "size" | "kernel" | "films">,
    pool: Pool,
  ): Promise<LoadedPool<F>> {
    const { size, kernel } = predictor;
    if (pool.size !== size) {
      throw new Error(
        `Cannot score ${pool.name}: expected films of ${size} px, got ${pool.size}; ` +
          `run \`fedx prepare ${prepareOptions({ size, kernel })} …\`.`,
      );
    }
    checkKernel({ ...pool, what: `Cannot score ${pool.name}` }, kernel);
    const films = await predictor.films(pool.count);
    try {
      for await (const { first, pixels } of pool.pixelBlocks()) await films.put(first, pixels);
    } catch (error) {
      films[Symbol.dispose]();
      throw error;
    }
    return new LoadedPool(pool, films);
  }

  /**
   * Scores some rows, in chunks.
   *
   * @param predictor the one that took the films in, or one of the same library
   * @throws {DOMException} once `signal` is aborted
   */
  async predict(
    predictor: Predictor<F>,
    rows: Uint32Array,
    options: { signal?: AbortSignal } = {},
  ): Promise<Predictions> {
    const logits = new Float32Array(rows.length);
    for (let first = 0; first < rows.length; first += CHUNK) {
      options.signal?.throwIfAborted();
      logits.set(await predictor.predict(this.films, rows.subarray(first, first + CHUNK)), first);
    }
    return { logits, ...columnsAt(this.pool, rows) };
  }

  [Symbol.dispose](): void {
    this.films[Symbol.dispose]();
  }
}

/** Scores decoded films once. pixels: (n, size, size) u8; returns (n) logits. */
export async function predict(predictor: Predictor, pixels: Uint8Array): Promise<Float32Array> {
  const n = pixels.length / predictor.size ** 2;
  using films = await predictor.films(n);
  await films.put(0, pixels);
  return await predictor.predict(films, Uint32Array.from({ length: n }, (_, row) => row));
}
