/**
 * How an image file becomes a film. Shards, proposals and model files hold it as one text, the kernel: films of two
 * kernels differ in their pixels, so that what is trained on one is scored on the same.
 *
 * `lanczos3`: every file is decoded whole, then resized. `lanczos3+j2k-reduced`: JPEG 2000 is decoded at the lowest
 * resolution of its own that the resize still has something to filter of; all else is the same.
 */
import { refusal } from "./refusal.ts";

/** The resize filter. */
export const FILTER = "lanczos3";

/** How JPEG 2000 is decoded, and the kernel of each. */
const KERNELS = { full: FILTER, reduced: `${FILTER}+j2k-reduced` } as const;

export type Jpeg2000 = keyof typeof KERNELS;

/** The ways to decode JPEG 2000, the usual one first. */
export const JPEG_2000 = Object.keys(KERNELS) as [Jpeg2000, ...Jpeg2000[]];

export const kernelOf = (jpeg2000: Jpeg2000): string => KERNELS[jpeg2000];

/** How films of a kernel are decoded; undefined for a kernel of another fedx. */
export function jpeg2000Of(kernel: string): Jpeg2000 | undefined {
  return JPEG_2000.find((way) => KERNELS[way] === kernel);
}

/** The options of `fedx prepare` that make films of a size, pixels, and a kernel. */
export function prepareOptions({ size, kernel }: { size: number; kernel: string }): string {
  const way = jpeg2000Of(kernel);
  return `--size ${size}${way === undefined || way === JPEG_2000[0] ? "" : ` --jpeg2000 ${way}`}`;
}

/** @throws {Error} unless films are of the kernel that is wanted, with the command that makes such ones */
export function checkKernel(
  films: { what: string; size: number; kernel: string },
  wanted: string,
): void {
  const { what, size, kernel } = films;
  if (kernel === wanted) return;
  const remedy = `run \`fedx prepare ${prepareOptions({ size, kernel: wanted })} …\``;
  throw refusal(Error, { what, expected: `films of kernel ${wanted}`, got: kernel, remedy });
}
