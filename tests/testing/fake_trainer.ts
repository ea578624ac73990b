/** A trainer without an engine: it draws its deltas, and scores with a dot product. */
import type { Predictions } from "../../src/model/predictions.ts";
import type { ShardFacts } from "../../src/fed/training/shard_facts.ts";
import type { Trainer, TrainerSettings, Turn } from "../../src/fed/training/trainer.ts";
import type { Split } from "../../src/data/shard.ts";
import { digest } from "../../src/files/digest.ts";
import { preprocessingOf } from "../../src/model/weights/model_file.ts";
import { type Layout, layoutOf } from "../../src/model/layout.ts";
import { PURPOSE, uniforms } from "../../src/model/philox.ts";

/** A layout of a few thousand values: two weight tensors and one of statistics. */
export const TINY: Layout = {
  network: "efficientnet_b0",
  channels: 1,
  tensors: [
    { name: "a.weight", shape: [60, 50], offset: 0, length: 3000, kind: "weight", group: "backbone" },
    { name: "b.weight", shape: [1000], offset: 3000, length: 1000, kind: "weight", group: "classifier" },
    { name: "b.running_var", shape: [96], offset: 4000, length: 96, kind: "statistic", group: "backbone" },
  ],
  length: 4096,
  weights: 4000,
};
export const FULL: Layout = layoutOf("efficientnet_b0", { channels: 1 });

const IMAGES = 96;
/** Random numbers that a delta repeats: no trainer of a large vector holds a second one of them. */
const NOISE = 1 << 16;

export function startVector(layout: Layout, seed = 1): Float32Array {
  return uniforms({ seed, silo: 0 }, { purpose: PURPOSE.init }, layout.length).map((x) => x - 0.5);
}

/** Each patient has one film, up to 96 of them, and half of them a finding. */
function trainSplit(images: number) {
  const patients = Math.min(IMAGES, images);
  return { images, patients, positives: patients >> 1 };
}

export interface FakeOptions {
  layout: Layout;
  silo: string;
  /** Seconds each step takes. */
  delay?: number;
  /** Lets the time of a step pass on a clock that does not wait for it. @default waits */
  pass?: (seconds: number) => void;
  /** Breaks the trained vector: NaN in the first element. */
  broken?: boolean;
  /** From this step on it trains until it is aborted. */
  stuckFrom?: number;
  size?: number;
  /** The rule by which its films are counted. @default any finding */
  labelRule?: string;
  /** Which of a turn's steps are skipped, counted from 0. @default none */
  skips?: (step: number) => boolean;
  /** Hears of every scoring. */
  onScore?: (split: Split) => void;
  /** Training images that it has. @default 96 */
  images?: number;
  /** Steps per second that it claims. @default 100 */
  speed?: number;
}

/** Draws deltas from (seed, silo, first step, vector) and scores with a dot product; trains nothing. */
export class FakeTrainer implements Trainer {
  readonly layout: Layout;
  readonly info = { device: "cpu", threads: 1, build: "fake" };
  readonly shard: ShardFacts;
  readonly #options: FakeOptions;
  #settings: TrainerSettings | null = null;
  #vector: Float32Array = new Float32Array(0);
  #noise = new Float64Array(0);
  disposed = false;

  constructor(options: FakeOptions) {
    this.#options = options;
    this.layout = options.layout;
    const split = { images: IMAGES, patients: IMAGES, positives: IMAGES / 2 };
    this.shard = {
      shard: digest(Float32Array.from(new TextEncoder().encode(options.silo))),
      splits: { train: trainSplit(options.images ?? IMAGES), val: split, test: split },
      size: options.size ?? 32,
      kernel: preprocessingOf(1).kernel,
      fit: "fill",
      labelRule: options.labelRule ?? "any-finding",
    };
  }

  configure(settings: TrainerSettings): Promise<void> {
    this.#settings = settings;
    const { seed, silo } = settings;
    const length = Math.min(NOISE, this.layout.length);
    const noise = uniforms({ seed, silo }, { purpose: PURPOSE.measure }, length);
    this.#noise = Float64Array.from(noise, (x) => (x - 0.5) * 0.02);
    return Promise.resolve();
  }

  stepsPerSecond(): Promise<number> {
    return Promise.resolve(this.#options.speed ?? 100);
  }

  load(vector: Float32Array): Promise<void> {
    this.#vector = vector;
    return Promise.resolve();
  }

  async train(
    turn: Turn,
    options: { onStep?: (k: number, loss: number) => void; signal?: AbortSignal } = {},
  ) {
    for (let k = 1; k <= turn.steps; k++) {
      options.signal?.throwIfAborted();
      if (turn.firstStep >= (this.#options.stuckFrom ?? Infinity)) await aborted(options.signal!);
      if (this.#options.delay) await this.#take(this.#options.delay);
      options.onStep?.(k, 1 / k);
    }
    const noise = this.#noise, n = noise.length;
    const vector = this.#vector.slice();
    for (let at = 0, from = turn.firstStep % n; at < vector.length; at += n - from, from = 0) {
      const end = Math.min(at + n - from, vector.length);
      for (let i = at, j = from; i < end; i++, j++) vector[i] += noise[j];
    }
    if (this.#options.broken) vector[0] = NaN;
    const { skips = () => false } = this.#options;
    const skipped = Array.from({ length: turn.steps }, (_, step) => skips(step));
    return { vector, images: turn.steps * this.#settings!.recipe.batch, skipped };
  }

  async #take(seconds: number): Promise<void> {
    if (this.#options.pass) return this.#options.pass(seconds);
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }

  predict(split: Split = "val"): Promise<Predictions> {
    this.#options.onScore?.(split);
    const key = { seed: 3, silo: this.#settings!.silo };
    const logits = new Float32Array(IMAGES),
      labels = new Uint8Array(IMAGES),
      patients = new Uint32Array(IMAGES);
    for (let i = 0; i < IMAGES; i++) {
      labels[i] = i % 2;
      patients[i] = i;
      const features = uniforms(key, { purpose: PURPOSE.phantom, position: i }, 16);
      logits[i] = features.reduce((sum, x, k) => sum + (x - 0.5) * this.#vector[k], labels[i] * 0.3);
    }
    return Promise.resolve({ logits, labels, patients });
  }

  [Symbol.dispose](): void {
    this.disposed = true;
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}
