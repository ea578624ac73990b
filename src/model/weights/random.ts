/**
 * Initial weights from Philox, made once by the aggregator and sent: normals are equal to 1e-6 only across languages.
 */
import type { Layout, Tensor } from "../layout.ts";
import { NETWORKS } from "../networks/networks.ts";
import { PURPOSE, type Stream, type StreamKey, uniforms } from "../philox.ts";

/**
 * Standard normals by Box–Muller: elements 2k and 2k+1 come from uniforms 2k (radius) and 2k+1 (angle).
 */
export function normals(key: StreamKey, stream: Stream, count: number): Float32Array<ArrayBuffer> {
  const even = count + (count & 1);
  const out = uniforms(key, stream, even);
  for (let i = 0; i < even; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - out[i]));
    const angle = 2 * Math.PI * out[i + 1];
    out[i] = radius * Math.cos(angle);
    out[i + 1] = radius * Math.sin(angle);
  }
  return out.subarray(0, count);
}

/** Normals of the given deviation for the layout's tensor `index`, drawn by the aggregator (silo 0). */
export function normalTensor(layout: Layout, index: number, o: { seed: number; deviation: number }) {
  const { length } = layout.tensors[index];
  const values = normals({ seed: o.seed, silo: 0 }, { purpose: PURPOSE.init, index }, length);
  return values.map((z) => z * o.deviation);
}

/**
 * torchvision's initialisation: convolutions N(0, 2 / fan) (He et al. 2015), the network's fan out or in; biases 0,
 * BatchNorm 1 and 0 with statistics 0 and 1; the one-logit head U(±1/√in), as a replaced `nn.Linear` has it
 * (EfficientNet's own ±1/√out is meant for 1000 classes: ±1 over 1280 features would drown the signal).
 *
 * @returns (layout.length) f32: weights, then statistics
 */
export function randomWeights(layout: Layout, seed: number): Float32Array<ArrayBuffer> {
  const vector = new Float32Array(layout.length);
  const { fan } = NETWORKS[layout.network];
  layout.tensors.forEach((tensor, index) => {
    const place = vector.subarray(tensor.offset, tensor.offset + tensor.length);
    if (tensor.shape.length === 4) {
      place.set(normalTensor(layout, index, { seed, deviation: Math.sqrt(2 / fanOf(tensor, fan)) }));
    } else if (tensor.shape.length === 2) {
      const range = 1 / Math.sqrt(tensor.shape[1]);
      const draw = uniforms({ seed, silo: 0 }, { purpose: PURPOSE.init, index }, tensor.length);
      place.set(draw.map((u) => (2 * u - 1) * range));
    } else if (startsAtOne(tensor.name)) {
      place.fill(1);
    }
  });
  return vector;
}

/** torch's fan_out or fan_in: weight.size(0) or weight.size(1) times the receptive field, groups not divided out. */
function fanOf({ shape: [out, inputs, height, width] }: Tensor, fan: "in" | "out"): number {
  return (fan === "out" ? out : inputs) * height * width;
}

/** BatchNorm scales and variances; 1-D `weight`s are BatchNorm's only. */
function startsAtOne(name: string): boolean {
  return name.endsWith(".weight") || name.endsWith(".running_var");
}
