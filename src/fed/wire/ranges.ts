/**
 * Ranges of a model's file on their way to silos, in bounded memory.
 *
 * Why: `write` of node:http2 has no back-pressure in Deno 2.9.3, so an answer is in memory until the last byte is sent.
 * What bounds thirty silos that pull at once is that each is answered one range at a time, and a smaller one the more
 * of them there are. A stream closes once its bytes are with the socket, whose queue therefore counts too.
 */
import type * as http2 from "node:http2";
import { readAt } from "../../files/whole.ts";
import { countSent } from "./garbage.ts";
import { type FileRange, RANGE_LIMIT } from "./exchange.ts";
import { writeParts } from "./write_parts.ts";

/** Bytes of all ranges under way. */
const TOTAL = 32 << 20;
/** Bytes of the smallest range. */
const LEAST = 1 << 20;
/** Bytes of answers that a peer may leave unread: a range, and what is said beside it. */
const UNREAD = 2 * RANGE_LIMIT;

/** Most bytes of a range while so many silos are connected, whole MiB. */
export function rangeLimit(silos: number): number {
  const share = TOTAL / Math.max(1, silos);
  return Math.min(RANGE_LIMIT, Math.max(LEAST, share - share % LEAST));
}

/** A connection's way out. */
interface Way {
  /** Resolves when every range asked for so far has gone. */
  free: Promise<unknown>;
  /** Holds the range under way. */
  buffer: Uint8Array;
}

/** By the connection's session. */
const ways = new WeakMap<object, Way>();

/**
 * Ends a connection whose peer asks for more while it leaves unread what it has: its answers wait in this process's
 * memory, whatever windows the peer grants. Returns whether the connection was ended.
 */
export function endIfUnread(session: http2.Http2Session | undefined): boolean {
  const unread = session?.socket?.writableLength ?? 0;
  if (unread <= UNREAD) return false;
  session!.destroy();
  return true;
}

/** Answers with a range, once those asked for before it over the same connection have gone. */
export function sendRange(
  stream: http2.ServerHttp2Stream,
  answer: { status: number; file: FileRange },
): Promise<void> {
  const session = stream.session!;
  const way = ways.get(session) ?? { free: Promise.resolve(), buffer: new Uint8Array(0) };
  ways.set(session, way);
  const closed = new Promise<void>((resolve) => stream.once("close", () => resolve()));
  const sent = way.free.then(() => send(stream, answer, way));
  // Both: a stream may close while its range is being read into the buffer.
  way.free = Promise.allSettled([sent, closed]);
  return sent;
}

async function send(
  stream: http2.ServerHttp2Stream,
  answer: { status: number; file: FileRange },
  way: Way,
): Promise<void> {
  if (stream.destroyed || endIfUnread(stream.session)) return;
  const { path, first, length, total, sha256 } = answer.file;
  if (way.buffer.length !== length) way.buffer = new Uint8Array(length);
  {
    using file = await Deno.open(path);
    await readAt(file, first, way.buffer);
  }
  if (stream.destroyed) return;
  stream.respond({
    ":status": answer.status,
    "content-type": "application/octet-stream",
    "content-length": length,
    "content-range": `bytes ${first}-${first + length - 1}/${total}`,
    etag: `"${sha256}"`,
  });
  await writeParts(stream, [way.buffer]);
  countSent(length);
}
