/**
 * What a client said over HTTP/2, read strictly: every byte belongs to a frame that a silo may send, or it is an error.
 *
 * Why not a server's view alone: padding, pings, unknown frames and the bytes after a message reach no handler. Only
 * the compressed headers are left to node:http2, as on the aggregator.
 */
import { assert, assertEquals } from "@std/assert";
import * as http2 from "node:http2";
import * as net from "node:net";
import { MAX_FRAME, STREAM_WINDOW } from "../../src/fed/wire/tls.ts";
import { joinChunks } from "../../src/fed/wire/exchange.ts";

export const PREFACE = new TextEncoder().encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
/** Bytes before a frame's payload. */
const FRAME_HEAD = 9;
/** Types and flags of RFC 9113, section 6. */
export const FRAME = { data: 0, headers: 1, settings: 4, ping: 6, goAway: 7, window: 8 } as const;
const END_STREAM = 1, ACK = 1, END_HEADERS = 4;
/** Largest error code of RFC 9113, section 7. */
const LAST_ERROR = 0xd;
/** The two settings of `tls.ts`: SETTINGS_INITIAL_WINDOW_SIZE and SETTINGS_MAX_FRAME_SIZE. */
const SETTINGS = [[4, STREAM_WINDOW], [5, MAX_FRAME]];

/** One frame; `payload` is a view. */
export interface Http2Frame {
  type: number;
  flags: number;
  stream: number;
  payload: Uint8Array;
}

/** One request as it left. `headers`: names and values in their order, pseudo headers included. */
export interface Http2Request {
  headers: [name: string, value: string][];
  body: Uint8Array<ArrayBuffer>;
}

/** Cuts bytes into frames. @throws when they end inside one. */
export function* framesOf(bytes: Uint8Array): Generator<Http2Frame> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length;) {
    assert(at + FRAME_HEAD <= bytes.length, "bytes after the last HTTP/2 frame");
    const length = view.getUint32(at) >>> 8;
    const payload = bytes.subarray(at + FRAME_HEAD, at + FRAME_HEAD + length);
    assertEquals(payload.length, length, "the last HTTP/2 frame is cut");
    yield { type: bytes[at + 3], flags: bytes[at + 4], stream: view.getUint32(at + 5), payload };
    at += FRAME_HEAD + length;
  }
}

/** A stream under way. */
interface Open {
  block: Uint8Array;
  parts: Uint8Array[];
  ended: boolean;
}

/** Every request of a connection. @param answers What the other side sent, whose pings may be answered. */
export async function readRequests(sent: Uint8Array, answers: Uint8Array): Promise<Http2Request[]> {
  assertEquals(sent.slice(0, PREFACE.length), PREFACE);
  const pings = [...framesOf(answers)].filter(({ type, flags }) => type === FRAME.ping && flags === 0);
  const streams = new Map<number, Open>();
  for (const frame of framesOf(sent.subarray(PREFACE.length))) {
    const { type, flags, stream, payload } = frame;
    if (type === FRAME.headers) {
      assertEquals(flags & ~END_STREAM, END_HEADERS, "flags of HEADERS: no padding, no priority");
      assert(stream % 2 === 1 && !streams.has(stream), `HEADERS on stream ${stream}`);
      streams.set(stream, { block: payload, parts: [], ended: (flags & END_STREAM) !== 0 });
    } else if (type === FRAME.data) {
      assertEquals(flags & ~END_STREAM, 0, "flags of DATA: no padding");
      const open = streams.get(stream);
      assert(open !== undefined && !open.ended, `DATA on stream ${stream}`);
      open.parts.push(payload);
      open.ended = (flags & END_STREAM) !== 0;
    } else checkControl(frame, pings);
  }
  const open = [...streams.values()];
  assert(open.every(({ ended }) => ended), "a request without its end");
  const headers = await decodeHeaders(open.map(({ block }) => block));
  return open.map(({ parts }, index) => ({ headers: headers[index], body: joinChunks(parts) }));
}

/** Frames that carry no message: nothing may hide in one. */
function checkControl({ type, flags, stream, payload }: Http2Frame, pings: Http2Frame[]): void {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  if (type === FRAME.settings) {
    assertEquals(stream, 0);
    const pairs = Array.from({ length: payload.length / 6 }, (_, i) => {
      return [view.getUint16(6 * i), view.getUint32(6 * i + 2)];
    });
    assertEquals([flags, pairs, payload.length], flags === ACK ? [ACK, [], 0] : [0, SETTINGS, 12]);
  } else if (type === FRAME.window) {
    assertEquals([flags, payload.length], [0, 4]);
    assert(view.getUint32(0) >= 1 && view.getUint32(0) < 2 ** 31, "a window's increment");
  } else if (type === FRAME.ping) {
    assertEquals([flags, stream, payload], [ACK, 0, pings.shift()?.payload], "a ping that answers none");
  } else if (type === FRAME.goAway) {
    assertEquals([flags, stream, payload.length, view.getUint32(0)], [0, 0, 8, 0], "a goodbye with words");
    assert(view.getUint32(4) <= LAST_ERROR, "a goodbye's code");
  } else throw new Error(`an HTTP/2 frame of type ${type}`);
}

/** The header lists of header blocks that follow each other on one connection. */
async function decodeHeaders(blocks: Uint8Array[]): Promise<[string, string][][]> {
  const server = http2.createServer();
  const lists: [string, string][][] = [];
  let next = Promise.withResolvers<void>();
  server.on("stream", (stream: http2.ServerHttp2Stream, _headers: unknown, _flags: number, raw: string[]) => {
    lists.push(Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i], raw[2 * i + 1]]));
    stream.respond({ ":status": 204 }, { endStream: true });
    next.resolve();
  });
  server.on("sessionError", (error: Error) => next.reject(error));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const socket = net.connect((server.address() as net.AddressInfo).port, "127.0.0.1");
  const closed = new Promise((resolve) => socket.on("close", resolve));
  socket.on("error", (error) => next.reject(error));
  socket.on("close", () => next.reject(new Error("header blocks that HTTP/2 refuses")));
  socket.resume();
  try {
    socket.write(PREFACE);
    socket.write(frameBytes({ type: FRAME.settings, flags: 0, stream: 0, payload: new Uint8Array() }));
    for (const [index, payload] of blocks.entries()) {
      next = Promise.withResolvers();
      const flags = END_STREAM | END_HEADERS;
      socket.write(frameBytes({ type: FRAME.headers, flags, stream: 2 * index + 1, payload }));
      await next.promise;
    }
    next.promise.catch(() => {});
    return lists;
  } finally {
    socket.destroy();
    await closed;
    await new Promise((resolve) => server.close(resolve));
  }
}

/** A frame's bytes. */
export function frameBytes({ type, flags, stream, payload }: Http2Frame): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(FRAME_HEAD + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, payload.length << 8 | type);
  view.setUint8(4, flags);
  view.setUint32(5, stream);
  bytes.set(payload, FRAME_HEAD);
  return bytes;
}
