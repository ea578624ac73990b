/**
 * How often a JPEG 2000 frame can be halved before it is decoded.
 *
 * Why so many say no: a lower resolution is a weighted mean of the samples, so it must not mix what is no grey value with
 * what is one, and the decoder of lower resolutions knows the plain case alone. Whatever is not plain is decoded whole.
 */

import type { Dataset, Tag } from "./dataset.ts";
import type { PixelShape } from "./pixel_shape.ts";

/** PixelPaddingValue. */
const PADDING = "x00280120";
/** OverlayBitPosition of each overlay: above 0 it lies in the pixels' own bits. */
const OVERLAYS = Array.from({ length: 16 }, (_, i): Tag => `x60${(2 * i).toString(16).padStart(2, "0")}0102`);

/** Markers of ISO/IEC 15444-1 annex A. */
const COD = 0xff52, COC = 0xff53, SOT = 0xff90, SOD = 0xff93, EOC = 0xffd9;

/** Whether all that a film's samples hold are grey values: no padding, no overlay. */
export function isGreyAlone(set: Dataset): boolean {
  return !set.has(PADDING) && !hasOwnOverlay(set);
}

/** Whether an overlay lies in the bits of the pixels' words. */
export function hasOwnOverlay(set: Dataset): boolean {
  return OVERLAYS.some((tag) => (set.uint16(tag) ?? 0) > 0);
}

/** How much a frame may be reduced. */
export interface ReductionOptions {
  shape: PixelShape;
  /** The shortest that the shorter side may become, pixels. */
  side: number;
}

/**
 * The halvings after which the shorter side still has `side` pixels, and that every tile of the frame has; 0 for a frame
 * that must be decoded whole.
 *
 * @param frame a codestream that `checkFrame` has found sound
 */
export function halvingsOf(frame: Uint8Array, { shape, side }: ReductionOptions): number {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (!isPlain(view, shape)) return 0;
  const most = levelsOf(view);
  let halvings = 0;
  while (halvings < most && Math.min(...sidesOf(shape, halvings + 1)) >= side) halvings++;
  return halvings;
}

/** Rows and columns after so many halvings (15444-1 B.5, an image without an offset). */
export function sidesOf({ rows, columns }: Pick<PixelShape, "rows" | "columns">, halvings: number) {
  return [rows, columns].map((side) => Math.ceil(side / 2 ** halvings));
}

/**
 * Whether its samples have the header's sign (else a mean of -1 and 0 lies half way up), no offset and no steps between
 * them, with which the decoder takes the size wrongly, and are not signed bytes, which it clips.
 */
function isPlain(view: DataView, { signed }: PixelShape): boolean {
  const [left, top, sample] = [view.getUint32(16), view.getUint32(20), view.getUint8(42)];
  const bits = (sample & 0x7f) + 1, isSigned = sample > 0x7f;
  const steps = [view.getUint8(43), view.getUint8(44)];
  return isSigned === signed && !(signed && bits <= 8) && left === 0 && top === 0 &&
    steps.every((step) => step === 1);
}

/** The fewest decompositions of any tile (15444-1 A.6.1, A.6.2); 0 where a tile is missing or a marker is damaged. */
function levelsOf(view: DataView): number {
  try {
    return fewestLevels(view);
  } catch (error) {
    if (error instanceof RangeError) return 0;
    throw error;
  }
}

/** @throws {RangeError} where the frame ends too early */
function fewestLevels(view: DataView): number {
  const tiles = new Set<number>();
  let levels = Infinity, end = 0;
  for (let at = 2;;) {
    const marker = view.getUint16(at);
    if (marker === EOC) break;
    if (marker === SOD) {
      if (end <= at) break; // the last part of a tile may leave out its length
      at = end;
      continue;
    }
    if (marker === SOT) {
      tiles.add(view.getUint16(at + 4));
      end = at + view.getUint32(at + 6);
    } else if (marker === COD) levels = Math.min(levels, view.getUint8(at + 9));
    else if (marker === COC) levels = Math.min(levels, view.getUint8(at + 6));
    at += 2 + view.getUint16(at + 2);
  }
  return Number.isFinite(levels) && tiles.size === tilesOf(view) ? levels : 0;
}

/** Tiles of an image without an offset. */
function tilesOf(view: DataView): number {
  const [across, down] = [8, 12].map((at) => Math.ceil(view.getUint32(at) / view.getUint32(at + 16)));
  return across * down;
}
