/**
 * What a compressed frame says of itself before it is decoded.
 *
 * Why: decoders allocate by the size that the frame declares, and some decode what is cut short to half a picture. So
 * a frame must have the size of its header, one component, and its end, after which other bytes may lie.
 */

import { Buffer } from "node:buffer";
import { DataError } from "../quarantine.ts";
import type { PixelShape } from "./pixel_shape.ts";
import type { Coding } from "./syntax.ts";

/** Tiles of a JPEG 2000 frame (ISO/IEC 15444-1 A.5.1), each of which costs the decoder memory. */
const MOST_TILES = 65_535;

/**
 * @returns the bits of a sample in the frame: at most those that the header allocates
 * @throws {DataError} `truncated` where the frame is not what its header says
 */
export function checkFrame(frame: Uint8Array, coding: Coding, shape: PixelShape): number {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  let found: Declared;
  try {
    if (coding === "rle") {
      checkRle(view, shape);
      return shape.bitsAllocated;
    }
    found = coding === "jpeg" || coding === "jpeg-ls" ? jpegSize(view) : jpeg2000Size(view);
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw damaged("a whole frame", "one that is cut short", cause);
  }
  const { rows, columns, bitsAllocated } = shape;
  const { width, height, components, bits } = found;
  if (width !== columns || height !== rows || components !== 1) {
    throw damaged(
      `${columns} × ${rows} pixels of 1 sample`,
      `a frame of ${width} × ${height} of ${components}`,
    );
  }
  if (bits > bitsAllocated) throw damaged(`samples of at most ${bitsAllocated} bits`, `a frame of ${bits}`);
  if (!hasEnd(frame.subarray(found.at))) throw damaged("a whole frame", "one without an end");
  return bits;
}

interface Declared {
  /** Where what declares it begins, bytes. */
  at: number;
  width: number;
  height: number;
  components: number;
  /** Of a sample. */
  bits: number;
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
        at,
        bits: view.getUint8(at + 4),
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
  return {
    at: 2,
    width: width - left,
    height: height - top,
    components: view.getUint16(40),
    bits: (view.getUint8(42) & 0x7f) + 1,
  };
}

/** JPEG 2000 without the boxes of a JP2 file, which some writers put around it (15444-1 annex I; PS3.5 A.4.4 has none). */
export function codestreamOf(frame: Uint8Array): Uint8Array {
  const boxed = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  if (boxed.toString("latin1", 4, 8) !== "jP  ") return frame;
  const start = boxed.indexOf("ff4fff51", 0, "hex");
  return start < 0 ? frame : frame.subarray(start);
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

/**
 * Whether the marker of the end is there. In no syntax can coded pixels have its two bytes: a byte ff of them is followed
 * by one that makes no marker (ISO/IEC 10918-1 F.1.2.3, 14495-1 A.1, 15444-1 B.10.1).
 */
function hasEnd(frame: Uint8Array): boolean {
  let at = frame.length - 1;
  while ((at = frame.lastIndexOf(0xd9, at)) > 0) {
    if (frame[at - 1] === 0xff) return true;
    at--;
  }
  return false;
}

function damaged(expected: string, got: string, cause?: unknown): DataError {
  return new DataError("truncated", `Cannot decode the image: expected ${expected}, got ${got}`, { cause });
}
