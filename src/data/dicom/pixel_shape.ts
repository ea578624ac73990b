/** What a header says of its pixels, checked. */

import { DataError } from "../quarantine.ts";
import { checkSides, PIXEL_LIMIT } from "../sides.ts";
import { type Dataset, PIXELS } from "./dataset.ts";

/** Grey pixels, one sample each. */
export interface PixelShape {
  rows: number;
  columns: number;
  bitsAllocated: 8 | 16;
  /** Bits of a value, 1 to `bitsAllocated`. */
  bitsStored: number;
  /** The place of a value's highest bit, from 0; it is `bitsStored` - 1 but in old files. */
  highBit: number;
  /** Two's complement. */
  signed: boolean;
  /** Whether the lowest value is shown white. */
  inverted: boolean;
}

/**
 * @throws {DataError} `no_pixels`, `multi_frame`, `unsupported_pixels`, `too_large` or `too_small`, before anything of
 * that size is allocated
 */
export function pixelShape(set: Dataset): PixelShape {
  if (!set.has(PIXELS)) {
    throw new DataError("no_pixels", "Cannot decode the image: the file has no pixels");
  }
  const frames = set.first("x00280008");
  if (frames !== "" && Number(frames) !== 1) {
    throw new DataError("multi_frame", `Cannot decode the image: expected one frame, got ${clipped(frames)}`);
  }
  const [rows, columns] = [set.uint16("x00280010") ?? 0, set.uint16("x00280011") ?? 0];
  if (rows * columns > PIXEL_LIMIT) {
    throw new DataError("too_large", `Cannot decode the image: it has more than ${PIXEL_LIMIT} pixels`);
  }
  checkSides({ width: columns, height: rows });
  const samples = set.uint16("x00280002") ?? 1;
  const photometric = set.first("x00280004");
  if (samples !== 1 || !/^MONOCHROME[12]$/.test(photometric)) {
    throw unsupported(
      "MONOCHROME1 or MONOCHROME2",
      `${clipped(photometric) || "none"} with ${samples} samples`,
    );
  }
  const bitsAllocated = set.uint16("x00280100");
  if (bitsAllocated !== 8 && bitsAllocated !== 16) {
    throw unsupported("8 or 16 bits allocated", `${bitsAllocated}`);
  }
  const bitsStored = set.uint16("x00280101") ?? bitsAllocated;
  const highBit = set.uint16("x00280102") ?? bitsStored - 1;
  if (bitsStored < 1 || bitsStored > bitsAllocated || highBit < bitsStored - 1 || highBit >= bitsAllocated) {
    throw unsupported(`bits stored within ${bitsAllocated}`, `${bitsStored} up to bit ${highBit}`);
  }
  const signed = set.uint16("x00280103") === 1;
  // INVERSE belongs to MONOCHROME1 and says the same (PS3.3 C.8.11.3): one inversion, not two.
  const inverted = photometric === "MONOCHROME1" || set.first("x20500020") === "INVERSE";
  return { rows, columns, bitsAllocated, bitsStored, highBit, signed, inverted };
}

/** Why pixels cannot be read or shown, though nothing is damaged. */
export function unsupported(expected: string, got: string): DataError {
  return new DataError("unsupported_pixels", `Cannot decode the image: expected ${expected}, got ${got}`);
}

/** A text of the file, short enough to print. */
function clipped(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 32);
}
