/** How large and how long an image may be. */

import { DataError } from "./quarantine.ts";

/** The most pixels of an input file: four times the largest radiograph in use (about 4,300 × 3,500). */
export const PIXEL_LIMIT = 64_000_000;

/** The shortest side of an input file, pixels, and the longest as a multiple of it. */
const SIDE_LIMIT = 16, ASPECT_LIMIT = 8;

/** @throws {DataError} `too_small` for what is no film but a strip or a dot */
export function checkSides({ width, height }: { width: number; height: number }): void {
  const [short, long] = [Math.min(width, height), Math.max(width, height)];
  if (short >= SIDE_LIMIT && long <= ASPECT_LIMIT * short) return;
  throw new DataError(
    "too_small",
    `Cannot decode the image: expected sides from ${SIDE_LIMIT} px and at most ${ASPECT_LIMIT} to 1, ` +
      `got ${width} × ${height}`,
  );
}
