/**
 * PNG files made by hand, grey of 1 or 8 bits: black ones of any size (an encoder would hold the pixels), and films where
 * no image library is at hand.
 */

import { Buffer } from "node:buffer";
import { crc32, deflateSync } from "node:zlib";

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

function png(width: number, height: number, options: { bits: number; rows: Uint8Array }): Uint8Array {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header[8] = options.bits;
  const magic = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
  const data = chunk("IDAT", new Uint8Array(deflateSync(options.rows)));
  return new Uint8Array(
    Buffer.concat([magic, chunk("IHDR", header), data, chunk("IEND", new Uint8Array())]),
  );
}

/** A black film of `width` × `height`. */
export function blackPng(width: number, height: number, options: { bits?: 1 | 8 } = {}): Uint8Array {
  const { bits = 8 } = options;
  return png(width, height, { bits, rows: new Uint8Array(height * (1 + Math.ceil(width * bits / 8))) });
}

/** A film of (size, size) u8 pixels. */
export function greyPng(pixels: Uint8Array, size: number): Uint8Array {
  const rows = new Uint8Array(size * (1 + size)); // each row behind a byte that says: not filtered
  for (let y = 0; y < size; y++) rows.set(pixels.subarray(y * size, (y + 1) * size), y * (1 + size) + 1);
  return png(size, size, { bits: 8, rows });
}
/** A film of (size, size) u16 pixels, with all their 16 bits. */
export function deepPng(pixels: Uint16Array, size: number): Uint8Array {
  const rows = new DataView(new ArrayBuffer(size * (1 + 2 * size)));
  pixels.forEach((pixel, i) => {
    const y = Math.floor(i / size), x = i % size;
    rows.setUint16(y * (1 + 2 * size) + 1 + 2 * x, pixel);
  });
  return png(size, size, { bits: 16, rows: new Uint8Array(rows.buffer) });
}
