/**
 * A model's weights as TensorFlow.js takes them: convolutions in HWIO order.
 *
 * Why folded: BatchNorm with running statistics is a factor and an offset per channel, so each convolution takes
 * them in and runs as one kernel. Folded in float64, so that only one rounding is added.
 */
import type { Tensor, Tensor1D, Tensor4D } from "@tensorflow/tfjs-core";
import { stateDict } from "../weights/model_file.ts";
import type { Layout } from "../layout.ts";
import type { Tf } from "./backend.ts";

const EPSILON = 1e-5;

/** filter: (H, W, in, out); of a depthwise one (H, W, channels, 1). bias: (out). */
export interface Filter {
  filter: Tensor4D;
  bias: Tensor1D;
  depthwise: boolean;
}

/** The tensors of one model that were uploaded, by torchvision's names; freed with it. */
export class Weights implements Disposable {
  readonly #state: ReturnType<typeof stateDict>;
  readonly #uploaded: Tensor[] = [];

  constructor(readonly tf: Tf, { vector, layout }: { vector: Float32Array; layout: Layout }) {
    this.#state = stateDict(vector, layout);
  }

  /** The convolution `name` with the BatchNorm `norm` behind it, if any. */
  convolution(name: string, options: { norm: string | null; depthwise: boolean }): Filter {
    const { norm, depthwise } = options;
    const { scale, offset: bias } = norm === null ? this.#unchanged(name) : this.#folded(norm);
    return this.#filter(`${name}.weight`, { scale, bias, depthwise });
  }

  /** The convolution or, as one over a single pixel, the linear layer `name` with a bias of its own. */
  linear(name: string): Filter {
    const bias = this.#values(`${name}.bias`);
    return this.#filter(`${name}.weight`, { ...this.#unchanged(name), bias, depthwise: false });
  }

  /** The factor and the offset of each channel that the BatchNorm `name` comes down to. */
  norm(name: string): { scale: Tensor1D; offset: Tensor1D } {
    const { scale, offset } = this.#folded(name);
    const [first, second] = [Float32Array.from(scale), offset].map((values) => this.tf.tensor1d(values));
    this.#uploaded.push(first, second);
    return { scale: first, offset: second };
  }

  [Symbol.dispose](): void {
    for (const tensor of this.#uploaded.splice(0)) tensor.dispose();
  }

  #values(name: string): Float32Array {
    return this.#state.get(name)!.data as Float32Array;
  }

  #folded(norm: string): { scale: Float64Array; offset: Float32Array } {
    const part = (last: string) => this.#values(`${norm}.${last}`);
    const [gamma, beta, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map(part);
    const scale = Float64Array.from(gamma, (factor, o) => factor / Math.sqrt(variance[o] + EPSILON));
    return { scale, offset: beta.map((offset, o) => offset - mean[o] * scale[o]) };
  }

  #unchanged(name: string): { scale: Float64Array; offset: Float32Array } {
    const [out] = this.#state.get(`${name}.weight`)!.shape;
    return { scale: new Float64Array(out).fill(1), offset: new Float32Array(out) };
  }

  #filter(
    name: string,
    { scale, bias, depthwise }: { scale: Float64Array; bias: Float32Array; depthwise: boolean },
  ): Filter {
    const [out, inputs, height = 1, width = 1] = this.#state.get(name)!.shape;
    const turned = hwio(this.#values(name), { out, inputs, scale });
    const last = depthwise ? [out, 1] : [inputs, out]; // (C, 1, H, W) turned lies as (H, W, C, 1) does
    const filter = this.tf.tensor4d(turned, [height, width, last[0], last[1]]);
    const offset = this.tf.tensor1d(bias);
    this.#uploaded.push(filter, offset);
    return { filter, bias: offset, depthwise };
  }
}

/** OIHW → HWIO, each output channel times its scale. */
function hwio(
  values: Float32Array,
  { out, inputs, scale }: { out: number; inputs: number; scale: Float64Array },
): Float32Array {
  const area = values.length / (out * inputs);
  const turned = new Float32Array(values.length);
  let from = 0;
  for (let o = 0; o < out; o++) {
    for (let i = 0; i < inputs; i++) {
      for (let p = 0; p < area; p++) turned[(p * inputs + i) * out + o] = values[from++] * scale[o];
    }
  }
  return turned;
}
