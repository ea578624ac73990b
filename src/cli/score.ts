// Why: evaluate, predict and the demo score the same way, so that their figures are the same figures.
import type { Shard } from "../data/shard.ts";
import { loadModel, type ModelMetadata } from "../model/checkpoint.ts";
import { bootstrap, stratified } from "../model/metrics.ts";
import { DataSet } from "../model/data_set.ts";
import { Engine, type Libraries } from "../model/model.ts";
import { preset } from "../model/recipe.ts";
import { cores, libraries } from "./engine.ts";

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
  /** Scores some of its rows. */
  score(rows: Uint32Array): Promise<Scored>;
}

/** A model on an engine, ready to score films. */
export class Scorer implements Disposable {
  readonly metadata: ModelMetadata;
  readonly #engine: Engine;
  readonly #libraries: Libraries;

  private constructor(engine: Engine, libs: Libraries, metadata: ModelMetadata) {
    this.#engine = engine;
    this.#libraries = libs;
    this.metadata = metadata;
  }

  /** Loads a model file that fedx wrote. */
  static async open(
    path: string,
    options: { device: string; threads: number | undefined },
  ): Promise<Scorer> {
    const { vector, metadata } = await loadModel(path);
    const libs = await libraries();
    const engine = await Engine.create({
      network: metadata.network,
      size: metadata.size,
      channels: metadata.channels,
      device: options.device as "auto" | "cpu" | "cuda",
      precision: "fp32",
      threads: options.threads ?? await cores(),
      seed: 0,
      silo: 0,
      recipe: preset("default"),
      classWeights: [1, 1],
      preprocessing: metadata.preprocessing,
    }, libs);
    await engine.writeVector(vector);
    return new Scorer(engine, libs, metadata);
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
    const data = await DataSet.create(this.#libraries, { n: shard.count, size });
    try {
      for await (const block of shard.pixelBlocks()) await data.put(block.first, block.pixels);
    } catch (error) {
      data[Symbol.dispose]();
      throw error;
    }
    const binary = shard.binary();
    return {
      score: async (rows) => ({
        shard: name,
        rows,
        logits: await this.#engine.predict(data, rows),
        labels: Uint8Array.from(rows, (row) => binary[row]),
        patients: Uint32Array.from(rows, (row) => shard.patients[row]),
      }),
      [Symbol.dispose]: () => data[Symbol.dispose](),
    };
  }

  /** Scores decoded films: `pixels` is (n, H, W) u8. */
  async films(pixels: Uint8Array<ArrayBuffer>): Promise<Float32Array> {
    const { size } = this.metadata;
    const n = pixels.length / (size * size);
    using data = await DataSet.create(this.#libraries, { n, size });
    await data.put(0, pixels);
    return await this.#engine.predict(data, Uint32Array.from({ length: n }, (_, row) => row));
  }

  [Symbol.dispose](): void {
    this.#engine[Symbol.dispose]();
  }
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
