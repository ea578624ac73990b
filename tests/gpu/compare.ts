/** How far two results are from each other. */
import type { Layout } from "../../src/model/layout.ts";

type Values = ArrayLike<number>;

/** The largest |got − want| / max(1, |want|); NaN where a value is not finite. */
export function farthest(got: Values, want: Values): number {
  let most = 0;
  for (let i = 0; i < want.length; i++) {
    const far = Math.abs(got[i] - want[i]) / Math.max(1, Math.abs(want[i]));
    if (!(far <= most)) most = far;
    if (Number.isNaN(far)) return NaN;
  }
  return most;
}

/** |got − want| / |want|. */
export function relative(got: number, want: number): number {
  return Math.abs(got - want) / Math.abs(want);
}

export function mean(values: Values): number {
  return Array.from(values).reduce((sum, x) => sum + x, 0) / values.length;
}

/** The root of the mean square of got − want, as a share of how far the values of `want` spread. */
export function shareOfSpread(got: Values, want: Values): number {
  const middle = mean(want);
  const error = mean(Array.from(want, (x, i) => (got[i] - x) ** 2));
  return Math.sqrt(error / mean(Array.from(want, (x) => (x - middle) ** 2)));
}

/** The places where two have other bits. */
export function differing(got: Float32Array, want: Float32Array): number {
  const [a, b] = [got, want].map(({ buffer, byteOffset, length }) =>
    new Uint32Array(buffer, byteOffset, length)
  );
  return b.reduce((count, bits, i) => count + Number(bits !== a[i]), 0);
}

/** One tensor of two vectors that have the same start. */
export interface Apart {
  name: string;
  /** ‖got − want‖ / ‖want − start‖: how far they came apart, as a part of the way that they went. */
  share: number;
  /** ‖want − start‖. */
  way: number;
}

/** Tensor by tensor, the farthest apart first. */
export function apart(
  layout: Layout,
  { got, want, start }: { got: Float32Array; want: Float32Array; start: Float32Array },
): Apart[] {
  const all = layout.tensors.map(({ name, offset, length }) => {
    let between = 0, way = 0;
    for (let i = offset; i < offset + length; i++) {
      between += (got[i] - want[i]) ** 2;
      way += (want[i] - start[i]) ** 2;
    }
    return { name, share: Math.sqrt(between / Math.max(way, 1e-300)), way: Math.sqrt(way) };
  });
  return all.sort((a, b) => b.share - a.share);
}
