// Why: too little memory ends a process without a word; the need is known before it is met.
import { bad, bytes, type Check, good } from "./check.ts";

/**
 * Bytes of a training process, fitted to its peak (VmHWM) with EfficientNet-B0 on PyTorch 2.13, CPU, 2 threads:
 * 649, 1011, 1541, 2568, 2040 and 3572 MiB at (64 px, batch 16), (128, 16), (128, 32), (128, 64), (224, 16) and
 * (224, 32); the need lies 5 to 13 % above those peaks. `BASE` holds libtorch, the network with its optimizer, and the silo's vectors.
 */
const BASE = 600 << 20;
const PER_PIXEL = 2100;
/** An aggregator: 216 MiB measured while silos join, and as much again for four uploads at once and the fold. */
const AGGREGATOR = 400 << 20;

/** Bytes that training may take: images of `size` × `size` in batches, with the shard's pixels resident. */
export function trainingNeed(options: { size: number; batch: number; images: number }): number {
  const pixels = options.size * options.size;
  return BASE + PER_PIXEL * pixels * options.batch + pixels * options.images;
}

/** Bytes that an aggregator may take; they do not grow with the number of silos. */
export const aggregatorNeed = (): number => AGGREGATOR;

/** Whether what a role may need can be had. */
export function checkMemory(
  need: number,
  available: number,
  options: { what: string; remedy: string },
): Check {
  const detail = `${options.what} may need ${bytes(need)}, ${bytes(available)} can be had`;
  return need <= available
    ? good("memory of the role", detail)
    : bad("memory of the role", detail, options.remedy);
}
