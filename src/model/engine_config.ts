/** What an engine is told, and how it is written down for native code: settings once, and each chunk of steps. */
import type { NetworkName } from "./networks/networks.ts";
import type { Recipe } from "./recipe.ts";
import type { Preprocessing } from "./weights/model_file.ts";

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
  /** On a GPU: the same bits from the same input, with slower kernels; the CPU always computes so. @default false */
  deterministic?: boolean;
  /**
   * On the CPU: the device-agnostic steps, the code that a GPU runs, in place of the CPU's own faster loops. For tests
   * and rehearsals. @default false
   */
  portable?: boolean;
}

/** Steps to train: K = `lr.length`. */
export interface Chunk {
  /** Step number of the first, counted from the run's start (random numbers depend on it). */
  firstStep: number;
  /** (K) factors of the recipe's learning rate. */
  lr: Float32Array;
  /** (K) largest gradient norms; Infinity = none. */
  clip: Float32Array;
  /** Whether BatchNorm uses its running statistics and leaves them alone. @default false */
  fixed?: boolean;
  /** (K · batch) rows of the data set. */
  indices: Uint32Array;
}

/** The flat JSON that native/engine/config.cpp reads. */
export function nativeConfig(config: EngineConfig): string {
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
    graph: config.graph ?? false,
    deterministic: config.deterministic ?? false,
    portable: config.portable ?? false,
  });
}

/** One chunk as fedx_train_submit takes it. */
export function packPlan(chunk: Chunk, batch: number): Uint8Array<ArrayBuffer> {
  const steps = chunk.lr.length;
  if (chunk.clip.length !== steps || chunk.indices.length !== steps * batch) {
    throw new RangeError(
      `Cannot train ${steps} steps: expected ${steps} clip norms and ${
        steps * batch
      } rows, got ${chunk.clip.length} and ${chunk.indices.length}`,
    );
  }
  const buffer = new ArrayBuffer(16 + steps * (8 + 4 * batch));
  new Uint32Array(buffer, 0, 4).set([steps, batch, chunk.firstStep, chunk.fixed ? 1 : 0]);
  new Float32Array(buffer, 16, steps).set(chunk.lr);
  new Float32Array(buffer, 16 + 4 * steps, steps).set(chunk.clip);
  new Uint32Array(buffer, 16 + 8 * steps).set(chunk.indices);
  return new Uint8Array(buffer);
}
