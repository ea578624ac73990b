/**
 * Writes a body to an HTTP/2 stream a small piece at a time.
 *
 * Why not at once: a large write goes through every layer below as one piece. Each of them copies it whole, into memory
 * that the processor's caches no longer hold when the next layer reads it.
 */
import type { Http2Stream } from "node:http2";

/** Bytes of a piece: four records of TLS. */
const PIECE = 1 << 16;

/**
 * Writes the parts in order and ends the stream; resolves too when the stream breaks. Each piece waits until the one
 * before is taken. That is no back-pressure: node:http2 of Deno 2.9.3 takes whatever it is given.
 */
export async function writeParts(stream: Http2Stream, parts: Iterable<Uint8Array>): Promise<void> {
  const broken = new Promise<void>((resolve) => stream.once("close", () => resolve()));
  for (const part of parts) {
    for (let at = 0; at < part.length; at += PIECE) {
      if (stream.destroyed) return;
      const taken = new Promise<void>((resolve) =>
        stream.write(part.subarray(at, at + PIECE), () => resolve())
      );
      // What is small, such as a frame's header, goes with what follows it.
      if (part.length >= PIECE) await Promise.race([taken, broken]);
    }
  }
  stream.end();
}
