/**
 * What a compressed frame says of itself before it is decoded.
 *
 * Why: decoders allocate by the size that the frame declares, and some decode what is cut short to half a picture. So
 * a frame must have the size of its header, one component, and its end.
 */

import { DataError } from "../quarantine.ts";
import type { PixelShape } from "./pixel_shape.ts";
import type { Coding } from "./syntax.ts";

/** Tiles of a JPEG 2000 frame (ISO/IEC 15444-1 A.5.1), each of which costs the decoder memory. */
const MOST_TILES = 65_535;

/** @throws {DataError} `truncated` where the frame is not what its header says */
export function checkFrame(frame: Uint8Array, coding: Coding, shape: PixelShape): void {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  let found: Declared;
  try {
    if (coding === "rle") return checkRle(view, shape);
    found = coding === "jpeg" || coding === "jpeg-ls" ? jpegSize(view) : jpeg2000Size(view);
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw damaged("a whole frame", "one that is cut short", cause);
  }
  const { rows, columns } = shape;
  const { width, height, components } = found;
  if (width !== columns || height !== rows || components !== 1) {
    throw damaged(
      `${columns} × ${rows} pixels of 1 sample`,
      `a frame of ${width} × ${height} of ${components}`,
    );
  }
  if (endOf(frame) !== 0xffd9) throw damaged("a whole frame", "one without an end");
}

interface Declared {
  width: number;
  height: number;
  components: number;
}

/** From the start of frame, which follows other segments (ISO/IEC 10918-1 B.2.2, 14495-1 C.2.2). */
function jpegSize(view: DataView): Declared {
  if (view.getUint16(0) !== 0xffd8) throw damaged("JPEG", "other bytes");
  for (let at = 2;;) {
    if (view.getUint8(at) !== 0xff) throw damaged("a marker", "other bytes");
    const marker = view.getUint8(at + 1);
    if (marker === 0xff) at++; // fill bytes
    else if (isStartOfFrame(marker)) {
      return {
        height: view.getUint16(at + 5),
        width: view.getUint16(at + 7),
        components: view.getUint8(at + 9),
      };
    } else if (marker === 0xda || marker === 0xd9) throw damaged("a start of frame", "none");
    else at += 2 + view.getUint16(at + 2);
  }
}

/** SOF0 to SOF15 without DHT, JPG and DAC, which lie between them, and JPEG-LS's SOF55. */
function isStartOfFrame(marker: number): boolean {
  return marker === 0xf7 || marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
}

/** From SIZ, which is the first segment (ISO/IEC 15444-1 A.5.1). */
function jpeg2000Size(view: DataView): Declared {
  if (view.getUint32(0) !== 0xff4fff51) throw damaged("a JPEG 2000 codestream", "other bytes");
  const field = (index: number) => view.getUint32(8 + 4 * index);
  const [width, height, left, top, tileWidth, tileHeight, tileLeft, tileTop] = Array.from(
    { length: 8 },
    (_, i) => field(i),
  );
  const across = Math.ceil((width - tileLeft) / tileWidth), down = Math.ceil((height - tileTop) / tileHeight);
  if (!(across * down <= MOST_TILES)) throw damaged(`at most ${MOST_TILES} tiles`, `${across} × ${down}`);
  return { width: width - left, height: height - top, components: view.getUint16(40) };
}

/** The header of an RLE frame: one segment a byte of a value, each within the frame (PS3.5 annex G). */
function checkRle(view: DataView, { bitsAllocated }: PixelShape): void {
  const segments = view.getUint32(0, true);
  if (segments !== bitsAllocated / 8) throw damaged(`${bitsAllocated / 8} RLE segments`, `${segments}`);
  for (let i = 0, last = 63; i < segments; i++) {
    const start = view.getUint32(4 + 4 * i, true);
    if (start <= last || start >= view.byteLength) {
      throw damaged("RLE segments within the frame", `one from byte ${start}`);
    }
    last = start;
  }
}

/** The last two bytes that are no padding. */
function endOf(frame: Uint8Array): number {
  const end = frame.findLastIndex((byte) => byte !== 0);
  return end < 1 ? 0 : frame[end - 1] << 8 | frame[end];
}

function damaged(expected: string, got: string, cause?: unknown): DataError {
  return new DataError("truncated", `Cannot decode the image: expected ${expected}, got ${got}`, { cause });
}
