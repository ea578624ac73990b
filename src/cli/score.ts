// Why: evaluate, predict and the demo score the same way, so that their figures are the same figures.
import type { Shard } from "../data/shard.ts";
import { loadModel, type ModelMetadata } from "../model/weights/model_file.ts";
import { bootstrap, stratified } from "../model/metrics/metrics.ts";
import type { Films, Predictor } from "../model/predictor.ts";
import { type EngineChoice, openPredictor } from "./options/predictor.ts";

/** Films scored at a time; a signal acts between. */
const CHUNK = 512;

/** Logits, labels (0 or 1) and patients of some films of one shard, in row order. */
export interface Scored {
  shard: string;
  rows: Uint32Array;
  logits: Float32Array;
  labels: Uint8Array;
  patients: Uint32Array;
}

/** What `evaluate` says about one shard, or about all pooled. */
export interface Score {
  auroc: number | null;
  se: number | null;
  ci95: [number, number] | null;
  images: number;
  positives: number;
}

/** A shard's films in the engine's memory. */
export interface LoadedShard extends Disposable {
  /** Scores some of its rows. @throws {DOMException} once `signal` is aborted */
  score(rows: Uint32Array, options?: { signal?: AbortSignal }): Promise<Scored>;
}

/** A model on an engine, ready to score films. */
export class Scorer implements Disposable {
  readonly metadata: ModelMetadata;
  readonly #predictor: Predictor;

  private constructor(predictor: Predictor, metadata: ModelMetadata) {
    this.#predictor = predictor;
    this.metadata = metadata;
  }

  /** Loads a model file that fedx wrote. */
  static async open(path: string, options: EngineChoice): Promise<Scorer> {
    const model = await loadModel(path);
    return new Scorer(await openPredictor(model, options), model.metadata);
  }

  /** Takes a shard in, whose films must have the model's size; dispose of it before the next. */
  async load(shard: Shard, name: string): Promise<LoadedShard> {
    const { size } = this.metadata;
    if (shard.size !== size) {
      throw new Error(
        `Cannot score ${name}: expected films of ${size} px, got ${shard.size}; ` +
          `run \`fedx prepare --size ${size} …\`.`,
      );
    }
    const films = await this.#predictor.films(shard.count);
    try {
      for await (const block of shard.pixelBlocks()) await films.put(block.first, block.pixels);
    } catch (error) {
      films[Symbol.dispose]();
      throw error;
    }
    const binary = shard.binary();
    return {
      score: async (rows, { signal } = {}) => ({
        shard: name,
        rows,
        logits: await inChunks(films, rows, signal),
        labels: Uint8Array.from(rows, (row) => binary[row]),
        patients: Uint32Array.from(rows, (row) => shard.patients[row]),
      }),
      [Symbol.dispose]: () => films[Symbol.dispose](),
    };
  }

  /** Scores decoded films: `pixels` is (n, H, W) u8. */
  async films(pixels: Uint8Array<ArrayBuffer>): Promise<Float32Array> {
    const { size } = this.metadata;
    const n = pixels.length / (size * size);
    using films = await this.#predictor.films(n);
    await films.put(0, pixels);
    return await films.predict(Uint32Array.from({ length: n }, (_, row) => row));
  }

  [Symbol.dispose](): void {
    this.#predictor[Symbol.dispose]();
  }
}

async function inChunks(films: Films, rows: Uint32Array, signal?: AbortSignal): Promise<Float32Array> {
  const logits = new Float32Array(rows.length);
  for (let first = 0; first < rows.length; first += CHUNK) {
    signal?.throwIfAborted();
    logits.set(await films.predict(rows.subarray(first, first + CHUNK)), first);
  }
  return logits;
}

/** Exact AUROC of some films of one shard with its interval, patients resampled. */
export function scoreOf(scored: Scored): Score {
  return pooledScore([scored]);
}

/** Films of several shards as one set: patients are resampled within each shard. */
export function pooledScore(parts: readonly Scored[]): Score {
  const join = (pick: (part: Scored, index: number) => ArrayLike<number>) =>
    Float64Array.from(parts.flatMap((part, index) => Array.from(pick(part, index))));
  const labels = join((part) => part.labels);
  const positives = labels.reduce((sum, label) => sum + label, 0);
  const images = labels.length;
  if (positives === 0 || positives === images) {
    return { auroc: null, se: null, ci95: null, images, positives };
  }
  const result = bootstrap({
    scores: join((part) => part.logits),
    labels,
    patients: join((part) => part.patients),
    strata: join((part, index) => new Uint32Array(part.labels.length).fill(index)),
  });
  return { ...result, images, positives };
}

/** The headline of several shards: AUROC within each, weighted by its pairs. */
export function stratifiedScore(scores: readonly Score[]): ReturnType<typeof stratified> {
  return stratified(
    scores.map((score) => ({
      auroc: score.auroc,
      positives: score.positives,
      negatives: score.images - score.positives,
      ...score.se !== null && { se: score.se },
    })),
  );
}
