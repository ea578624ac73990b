// Why: too little memory ends a process without a word; the need is known before it is met.
import { type NetworkName, NETWORKS } from "../../../model/networks/networks.ts";
import { bad, bytes, type Check, good } from "./check.ts";

/** An aggregator: 216 MiB measured while silos join, and as much again for four uploads at once and the fold. */
const AGGREGATOR = 400 << 20;

/**
 * Bytes that training may take: images of `size` × `size` in batches, with the shard's pixels resident. Each network's
 * numbers are fitted to peaks (VmHWM) on PyTorch 2.13, CPU, 2 threads, and lie 5 to 20 % above them.
 */
export function trainingNeed(
  options: { network: NetworkName; size: number; batch: number; images: number },
): number {
  const { base, perPixel } = NETWORKS[options.network].memory;
  const pixels = options.size * options.size;
  return base + perPixel * pixels * options.batch + pixels * options.images;
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
