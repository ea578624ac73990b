import type { Preprocessing } from "../weights/model_file.ts";
import type { Films, Model, Predictor } from "../predictor.ts";
import { startTfjs } from "./backend.ts";
import { TfjsNetwork } from "./network.ts";

/** Pixels in one forward pass: widest activations of 25 MB, a tenth of a second; more is slower (caches). */
const BATCH_PIXELS = 1 << 16;

/** Films in this process's own memory: a buffer that the collector frees. */
class TfjsFilms implements Films {
  /** (n, size, size) u8. */
  pixels: Uint8Array;
  readonly #image: number;

  /** @param image pixels of one film */
  constructor(n: number, image: number) {
    this.pixels = new Uint8Array(n * image);
    this.#image = image;
  }

  // deno-lint-ignore require-await -- as a promise, so that what it throws is a rejection
  async put(first: number, part: Uint8Array): Promise<void> {
    place(this.pixels, part, { first, image: this.#image });
  }

  [Symbol.dispose](): void {
    this.pixels = new Uint8Array(0);
  }
}

/** Scores films with TensorFlow.js: no libtorch, one thread. */
export class TfjsPredictor implements Predictor<TfjsFilms> {
  readonly size: number;
  readonly kernel: string;
  readonly #network: TfjsNetwork;
  readonly #preprocessing: Preprocessing;

  private constructor(network: TfjsNetwork, { size, preprocessing }: Model["metadata"]) {
    this.size = size;
    this.kernel = preprocessing.kernel;
    this.#network = network;
    this.#preprocessing = preprocessing;
  }

  /** Uploads the weights. */
  static async create(model: Model): Promise<TfjsPredictor> {
    return new TfjsPredictor(new TfjsNetwork(await startTfjs(), model), model.metadata);
  }

  films(n: number): Promise<TfjsFilms> {
    return Promise.resolve(new TfjsFilms(n, this.size ** 2));
  }

  [Symbol.dispose](): void {
    this.#network[Symbol.dispose]();
  }

  async predict({ pixels }: TfjsFilms, rows: Uint32Array): Promise<Float32Array> {
    const { size } = this;
    const image = size ** 2, n = pixels.length / image;
    const outside = rows.find((row) => row >= n);
    if (outside !== undefined) {
      throw new RangeError(`Cannot predict: expected rows below ${n}, got ${outside}`);
    }
    const logits = new Float32Array(rows.length);
    const batch = Math.max(1, Math.floor(BATCH_PIXELS / image));
    for (let first = 0; first < rows.length; first += batch) {
      const films = rows.subarray(first, first + batch);
      const values = normalised(pixels, films, { image, ...this.#preprocessing });
      const x = this.#network.tf.tensor4d(values, [
        films.length,
        size,
        size,
        values.length / image / films.length,
      ]);
      try {
        logits.set(await this.#network.logits(x), first);
      } finally {
        x.dispose();
      }
      await new Promise((resolve) => setTimeout(resolve, 0)); // lets signals and progress in
    }
    return logits;
  }
}

/** Copies whole films in from row `first`. */
function place(pixels: Uint8Array, part: Uint8Array, { first, image }: { first: number; image: number }) {
  if (part.length % image !== 0) {
    throw new RangeError(
      `Cannot put pixels: expected whole images of ${image} bytes, got ${part.length} bytes`,
    );
  }
  if (first * image + part.length > pixels.length) {
    throw new RangeError(
      `Cannot put pixels: expected rows below ${pixels.length / image}, got ${first} to ${
        first + part.length / image - 1
      }`,
    );
  }
  pixels.set(part, first * image);
}

/** x = (u8/255 − mean) / deviation, grey repeated in every channel: (rows.length, H, W, channels) f32. */
function normalised(
  pixels: Uint8Array,
  rows: Uint32Array,
  { image, mean, deviation }: { image: number; mean: number[]; deviation: number[] },
): Float32Array {
  const channels = mean.length;
  const tables = mean.map((m, c) =>
    Float32Array.from({ length: 256 }, (_, u) => (u / 255 - m) / deviation[c])
  );
  const out = new Float32Array(rows.length * image * channels);
  let at = 0;
  for (const row of rows) {
    for (let p = row * image; p < (row + 1) * image; p++) {
      for (const table of tables) out[at++] = table[pixels[p]];
    }
  }
  return out;
}
