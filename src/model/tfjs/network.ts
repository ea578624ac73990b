/**
 * EfficientNet-B0 on TensorFlow.js, for scoring: the forward pass of native/engine/efficientnet.cpp.
 *
 * Why explicit pads: PyTorch pads (kernel − 1) / 2 on every side; TensorFlow's "same" at a stride of 2 puts the odd
 * pixel behind.
 */
import type { Tensor4D } from "@tensorflow/tfjs-core";
import { type Layout, STAGES } from "../layout.ts";
import type { Tf } from "./backend.ts";
import { type Convolution, Weights } from "./weights.ts";

/** x · sigmoid(x). */
function silu(tf: Tf, x: Tensor4D): Tensor4D {
  return tf.mul(x, tf.sigmoid(x));
}

/** Convolution with PyTorch's pads, without activation. */
function convolve(tf: Tf, x: Tensor4D, { filter, bias, depthwise }: Convolution, stride = 1): Tensor4D {
  const pad = (filter.shape[0] - 1) / 2;
  const all = { x, filter, bias, strides: stride, pad, dimRoundingMode: "floor" as const };
  return depthwise ? tf.fused.depthwiseConv2d(all) : tf.fused.conv2d(all);
}

/** (n, H, W, C) → (n, 1, 1, C). By pooling, since a mean over inner axes would transpose first. */
function channelMeans(tf: Tf, x: Tensor4D): Tensor4D {
  const [, height, width] = x.shape;
  return height * width === 1 ? x : tf.avgPool(x, [height, width], 1, "valid");
}

/** One mobile inverted bottleneck: expand (unless by 1), depthwise, squeeze-excite, project. */
export class MBConv {
  readonly #tf: Tf;
  readonly #stride: number;
  readonly #expand?: Convolution;
  readonly #depthwise: Convolution;
  readonly #squeeze: Convolution;
  readonly #excite: Convolution;
  readonly #project: Convolution;

  /** `name` as in torchvision, such as `features.2.0`. */
  constructor(weights: Weights, name: string, stride: number) {
    this.#tf = weights.tf;
    this.#stride = stride;
    let layer = 0;
    const next = () => `${name}.block.${layer++}`;
    if (weights.has(`${name}.block.3.0.weight`)) this.#expand = weights.folded(next());
    this.#depthwise = weights.folded(next(), { depthwise: true });
    const gate = next();
    this.#squeeze = weights.plain(`${gate}.fc1`);
    this.#excite = weights.plain(`${gate}.fc2`);
    this.#project = weights.folded(next());
  }

  /** x: (n, H, W, in) → (n, ⌈H / stride⌉, ⌈W / stride⌉, out). */
  apply(x: Tensor4D): Tensor4D {
    const tf = this.#tf;
    return tf.tidy(() => {
      const wide = this.#expand ? tf.tidy(() => silu(tf, convolve(tf, x, this.#expand!))) : x;
      const deep = tf.tidy(() => silu(tf, convolve(tf, wide, this.#depthwise, this.#stride)));
      if (wide !== x) wide.dispose();
      const gated = tf.tidy(() => tf.mul(deep, this.#gate(deep)) as Tensor4D);
      deep.dispose();
      const narrow = convolve(tf, gated, this.#project);
      return this.#stride === 1 && narrow.shape[3] === x.shape[3] ? tf.add(narrow, x) as Tensor4D : narrow;
    });
  }

  /** Squeeze-excite: a factor per channel from the channels' means. */
  #gate(x: Tensor4D): Tensor4D {
    const tf = this.#tf;
    const squeezed = silu(tf, convolve(tf, channelMeans(tf, x), this.#squeeze));
    return tf.sigmoid(convolve(tf, squeezed, this.#excite));
  }
}

/** The whole network with its one-logit head. */
export class TfjsNetwork implements Disposable {
  readonly #weights: Weights;
  readonly #stem: Convolution;
  readonly #blocks: MBConv[] = [];
  readonly #head: Convolution;
  readonly #classifier: Convolution;

  constructor(readonly tf: Tf, model: { vector: Float32Array; layout: Layout }) {
    const weights = this.#weights = new Weights(tf, model);
    this.#stem = weights.folded("features.0");
    STAGES.forEach(({ stride, blocks }, stage) => {
      for (let block = 0; block < blocks; block++) {
        this.#blocks.push(new MBConv(weights, `features.${stage + 1}.${block}`, block === 0 ? stride : 1));
      }
    });
    this.#head = weights.folded("features.8");
    this.#classifier = weights.plain("classifier.1");
  }

  /** x: (n, H, W, channels) f32, normalised → (n) logits. */
  async logits(x: Tensor4D): Promise<Float32Array> {
    const out = this.tf.tidy(() => this.#forward(x));
    try {
      return await out.data<"float32">();
    } finally {
      out.dispose();
    }
  }

  #forward(x: Tensor4D): Tensor4D {
    const { tf } = this;
    let y = tf.tidy(() => silu(tf, convolve(tf, x, this.#stem, 2)));
    for (const block of this.#blocks) {
      const before = y;
      y = block.apply(before);
      before.dispose();
    }
    const features = channelMeans(tf, silu(tf, convolve(tf, y, this.#head)));
    return convolve(tf, features, this.#classifier);
  }

  [Symbol.dispose](): void {
    this.#weights[Symbol.dispose]();
  }
}
