/**
 * What scores films: a network with its weights, and films that it can reach.
 *
 * Why an interface: the native engine is fast, tfjs runs where libtorch does not, and each checks the other's
 * arithmetic. `tests/model/predictor_test.ts` says what both promise.
 */
import type { ModelMetadata } from "./weights/model_file.ts";
import type { Layout } from "./layout.ts";

/** A model as `loadModel` reads it. `vector`: (layout.length) f32. */
export interface Model {
  vector: Float32Array<ArrayBuffer>;
  layout: Layout;
  metadata: ModelMetadata;
}

/** Grey films of the model's size, held by a predictor. Freed by `using` or when disposed. */
export interface Films extends Disposable {
  /**
   * Copies whole films in from row `first`. pixels: (k, size, size) u8.
   *
   * @throws {RangeError} when they are not whole films
   */
  put(first: number, pixels: Uint8Array): Promise<void>;

  /** One logit per row: dropout off, BatchNorm's running statistics. @throws {Error} for a row that is not there */
  predict(rows: Uint32Array): Promise<Float32Array>;
}

/** A network with its weights, ready to score. Dispose of its films before it. */
export interface Predictor extends Disposable {
  /** Room for n films, all black. */
  films(n: number): Promise<Films>;
}
