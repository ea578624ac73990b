/**
 * A network on TensorFlow.js, for scoring: the operations of src/model/networks/ one after the other, with BatchNorm folded
 * in.
 *
 * Why explicit pads: PyTorch pads (kernel − 1) / 2 on every side; TensorFlow's "same" at a stride of 2 puts the odd
 * pixel behind.
 */
import type { Tensor4D } from "@tensorflow/tfjs-core";
import type { Layout } from "../layout.ts";
import type { Activation, Operation } from "../networks/network.ts";
import { NETWORKS } from "../networks/networks.ts";
import type { Tf } from "./backend.ts";
import { type Filter, Weights } from "./weights.ts";

/** (n, H, W, in) → (n, H', W', out); leaves its input as it is. */
export type Step = (x: Tensor4D) => Tensor4D;

function activate(tf: Tf, x: Tensor4D, activation: Activation): Tensor4D {
  if (activation === "relu") return tf.relu(x);
  return activation === "silu" ? tf.mul(x, tf.sigmoid(x)) : x;
}

/** Convolution with PyTorch's pads. */
function convolve(tf: Tf, x: Tensor4D, { filter, bias, depthwise }: Filter, stride = 1): Tensor4D {
  const pad = (filter.shape[0] - 1) / 2;
  const all = { x, filter, bias, strides: stride, pad, dimRoundingMode: "floor" as const };
  return depthwise ? tf.fused.depthwiseConv2d(all) : tf.fused.conv2d(all);
}

/** (n, H, W, C) → (n, 1, 1, C). By pooling, since a mean over inner axes would transpose first. */
function channelMeans(tf: Tf, x: Tensor4D): Tensor4D {
  const [, height, width] = x.shape;
  return height * width === 1 ? x : tf.avgPool(x, [height, width], 1, "valid");
}

/** Uploads the weights of operations and puts them one behind the other; each frees what the one before made. */
export function sequence(weights: Weights, operations: readonly Operation[]): Step {
  const { tf } = weights;
  const steps = operations.map((one) => stepOf(weights, one));
  return (x) =>
    steps.reduce((before, step) => {
      const after = tf.tidy(() => step(before));
      if (before !== x && before !== after) before.dispose();
      return after;
    }, x);
}

function stepOf(weights: Weights, one: Operation): Step {
  const { tf } = weights;
  switch (one.kind) {
    case "convolution": {
      const filter = weights.convolution(one.name, one);
      return (x) => activate(tf, convolve(tf, x, filter, one.stride), one.activation);
    }
    case "norm": {
      const { scale, offset } = weights.norm(one.name);
      return (x) => tf.relu(tf.add(tf.mul(x, scale), offset));
    }
    // Zeros as pads: what comes in is never negative.
    case "maxPool":
      return (x) => tf.maxPool(x, 3, 2, 1, "floor");
    case "meanPool":
      return (x) => tf.avgPool(x, 2, 2, "valid");
    case "squeezeExcite": {
      const squeeze = weights.linear(`${one.name}.fc1`), excite = weights.linear(`${one.name}.fc2`);
      return (x) => {
        const squeezed = activate(tf, convolve(tf, channelMeans(tf, x), squeeze), "silu");
        return tf.mul(x, tf.sigmoid(convolve(tf, squeezed, excite)));
      };
    }
    case "residual": {
      const branch = sequence(weights, one.branch), shortcut = sequence(weights, one.shortcut);
      return (x) => activate(tf, tf.add(branch(x), shortcut(x)), one.activation);
    }
    case "append": {
      const branch = sequence(weights, one.branch);
      return (x) => tf.concat([x, branch(x)], 3);
    }
    case "sequence":
      return sequence(weights, one.parts);
  }
}

/** The whole network with its one-logit head. */
export class TfjsNetwork implements Disposable {
  readonly #weights: Weights;
  readonly #body: Step;
  readonly #classifier: Filter;

  constructor(readonly tf: Tf, model: { vector: Float32Array; layout: Layout }) {
    const weights = this.#weights = new Weights(tf, model);
    const { operations, classifier } = NETWORKS[model.layout.network];
    this.#body = sequence(weights, operations);
    this.#classifier = weights.linear(classifier);
  }

  /** x: (n, H, W, channels) f32, normalised → (n) logits. */
  async logits(x: Tensor4D): Promise<Float32Array> {
    const { tf } = this;
    const out = tf.tidy(() => convolve(tf, channelMeans(tf, this.#body(x)), this.#classifier));
    try {
      return await out.data<"float32">();
    } finally {
      out.dispose();
    }
  }

  [Symbol.dispose](): void {
    this.#weights[Symbol.dispose]();
  }
}
