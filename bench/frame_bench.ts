/**
 * How fast do frames of one update (4.05 M values, 16 MB) encode and decode, and against a bare CRC-32 of the same
 * bytes? Chunks are 16 KiB, as a TLS record gives them.
 */
import { crc32 } from "node:zlib";
import { encodeFrames, FrameReader } from "../src/fed/protocol/frame.ts";
import { layoutOf } from "../src/model/layout.ts";

const CHUNK = 16 * 1024;
const update = new Uint8Array(layoutOf("efficientnet_b0", { channels: 1 }).length * 4);
for (let i = 0; i < update.length; i++) update[i] = i * 31;
const chunks: Uint8Array[] = [];
for (const part of encodeFrames(update, { offset: 0 })) {
  for (let at = 0; at < part.length; at += CHUNK) chunks.push(part.subarray(at, at + CHUNK));
}

Deno.bench("CRC-32 alone", { group: "frames of 16 MB", baseline: true }, () => {
  crc32(update);
});

Deno.bench("encodeFrames", { group: "frames of 16 MB" }, () => {
  let bytes = 0;
  for (const part of encodeFrames(update, { offset: 0 })) bytes += part.length;
  if (bytes < update.length) throw new Error("Cannot encode: bytes are missing");
});

Deno.bench("FrameReader, chunks of 16 KiB", { group: "frames of 16 MB" }, () => {
  const reader = new FrameReader({ total: update.length, offset: 0 });
  for (const chunk of chunks) for (const frame of reader.push(chunk)) void frame.payload;
  reader.end();
  if (!reader.done) throw new Error("Cannot decode: bytes are missing");
});
