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
export interface Convolution {
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

  /** Whether the model has a tensor of this name. */
  has(name: string): boolean {
    return this.#state.has(name);
  }

  /** The convolution `name.0` with the BatchNorm `name.1` behind it. @param options.depthwise @default false */
  folded(name: string, { depthwise = false } = {}): Convolution {
    const part = (last: string) => this.#values(`${name}.1.${last}`);
    const [gamma, beta, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map(part);
    const scale = Float64Array.from(gamma, (factor, o) => factor / Math.sqrt(variance[o] + EPSILON));
    const bias = beta.map((offset, o) => offset - mean[o] * scale[o]);
    return this.#convolution(`${name}.0.weight`, { scale, bias, depthwise });
  }

  /** The convolution or, as one over a single pixel, the linear layer `name` with a bias of its own. */
  plain(name: string): Convolution {
    const bias = this.#values(`${name}.bias`);
    const scale = new Float64Array(bias.length).fill(1);
    return this.#convolution(`${name}.weight`, { scale, bias, depthwise: false });
  }

  [Symbol.dispose](): void {
    for (const tensor of this.#uploaded.splice(0)) tensor.dispose();
  }

  #values(name: string): Float32Array {
    return this.#state.get(name)!.data as Float32Array;
  }

  #convolution(
    name: string,
    { scale, bias, depthwise }: { scale: Float64Array; bias: Float32Array; depthwise: boolean },
  ): Convolution {
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
