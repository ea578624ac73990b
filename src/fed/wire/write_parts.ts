/**
 * Writes a body to an HTTP/2 stream a part at a time.
 *
 * Why not at once: what is written at once goes through every layer below as one piece, encrypted and copied in a piece
 * of that size, and comes from main memory each time.
 */
import type { Http2Stream } from "node:http2";

/** Parts below this many bytes, such as a frame's header, go with what follows them. */
const SMALL = 1 << 14;

/** Writes the parts, each when the one before is taken, and ends the stream; resolves too when the stream breaks. */
export async function writeParts(stream: Http2Stream, parts: Iterable<Uint8Array>): Promise<void> {
  const closed = new Promise<void>((resolve) => stream.once("close", () => resolve()));
  for (const part of parts) {
    if (stream.destroyed) return;
    const taken = new Promise<void>((resolve) => stream.write(part, () => resolve()));
    if (part.length >= SMALL) await Promise.race([taken, closed]);
  }
  stream.end();
}
