/** The weights and films of train.py, made of the same Philox numbers. */
import type { Layout, Tensor } from "../../src/model/layout.ts";
import { PURPOSE, uniforms } from "../../src/model/philox.ts";

export const KEY = { seed: 7, silo: 2 };

/** (count, size, size) u8: noise, film i the brighter the larger i. */
export function films(count: number, size: number): Uint8Array {
  const pixels = new Uint8Array(count * size * size);
  for (let i = 0; i < count; i++) {
    const u = uniforms(KEY, { purpose: PURPOSE.measure, position: i }, size * size);
    u.forEach((x, p) => pixels[i * size * size + p] = Math.floor(x * 256 * ((i + 1) / count)));
  }
  return pixels;
}

/** The start values of one tensor, BatchNorm statistics too. */
export function fill(tensor: Tensor, index: number): Float32Array {
  const spread = Math.sqrt(6 / (tensor.length / tensor.shape[0]));
  const value = (u: number) => {
    if (tensor.shape.length > 1) return (2 * u - 1) * spread;
    if (tensor.name.endsWith("running_var")) return 0.5 + u;
    return tensor.name.endsWith(".weight") ? 0.8 + 0.4 * u : 0.2 * (2 * u - 1);
  };
  return uniforms(KEY, { purpose: PURPOSE.init, index }, tensor.length).map(value);
}

/** The flat vector of a value per tensor. */
export function vectorOf(
  layout: Layout,
  values: (tensor: Tensor, index: number) => Float32Array = fill,
): Float32Array<ArrayBuffer> {
  const vector = new Float32Array(layout.length);
  layout.tensors.forEach((tensor, index) => vector.set(values(tensor, index), tensor.offset));
  return vector;
}
