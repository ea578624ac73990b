/**
 * A request and its answer, without a socket: handlers are functions from one to the other.
 *
 * Identity (`silo`) comes from the peer's certificate and nowhere else; `session` is the connection it
 * came over, compared by identity only.
 */
import { ProtocolError } from "../protocol/errors.ts";

/** Largest JSON body taken, bytes. */
const JSON_LIMIT = 64 << 10;
/** Largest range of a model served at once, and largest body of frames, bytes. */
export const RANGE_LIMIT = 8 << 20;

/** One request, whoever carried it. */
export interface WireRequest {
  method: string;
  path: string;
  query: URLSearchParams;
  /** Value of the Range header. */
  range?: string;
  silo: string;
  session: object;
  /** The body's bytes; iterated once, at the handler's pace. Each chunk's memory is the handler's to free. */
  body: AsyncIterable<Uint8Array>;
  /** Aborted when the peer goes away before the answer. */
  signal: AbortSignal;
}

/** A stretch of a file, read when the answer is sent. */
export interface FileRange {
  path: string;
  first: number;
  length: number;
  total: number;
  /** SHA-256 of the whole file, sent as the entity tag. */
  sha256: string;
}

/** One answer: JSON, or a stretch of a file. */
export type WireAnswer = { status: number; json: unknown } | { status: 200 | 206; file: FileRange };

/** Function from request to answer; rejects only with what `answerOf` turns into an answer. */
export type Handler = (request: WireRequest) => Promise<WireAnswer>;

/** Path and query of a request's `:path`, whatever it holds; nothing in it is resolved or decoded but the query. */
export function splitPath(text: string): Pick<WireRequest, "path" | "query"> {
  const mark = text.indexOf("?");
  return mark < 0
    ? { path: text, query: new URLSearchParams() }
    : { path: text.slice(0, mark), query: new URLSearchParams(text.slice(mark + 1)) };
}

/** Reads a bounded JSON body. @throws {ProtocolError} `too_large`. */
export async function readBody(request: WireRequest): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body) {
    length += chunk.length;
    if (length > JSON_LIMIT) {
      throw new ProtocolError("too_large", { expected: `at most ${JSON_LIMIT} bytes`, got: "more" });
    }
    chunks.push(chunk);
  }
  return joinChunks(chunks);
}

/** The chunks' bytes in a new array. */
export function joinChunks(chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** The answer that an error stands for. An error that is none of ours tells the peer nothing but “internal”. */
export function answerOf(error: unknown): WireAnswer {
  const known = error instanceof ProtocolError && error.status > 0
    ? error
    : new ProtocolError("internal", { expected: "an answer", got: "a failure on the aggregator" });
  return { status: known.status, json: known.toBody() };
}

/**
 * Parses `bytes=FIRST-LAST` within a file of `total` bytes, cut to `limit`; no header means from 0.
 * @throws {ProtocolError} `bad_range`.
 */
export function parseRange(
  range: string | undefined,
  total: number,
  limit: number = RANGE_LIMIT,
): { first: number; length: number } {
  const match = range === undefined
    ? ["", "0", String(total - 1)]
    : /^bytes=(\d{1,15})-(\d{1,15})$/.exec(range);
  const [first, last] = [Number(match?.[1] ?? NaN), Number(match?.[2] ?? NaN)];
  if (!(first <= last && first < total)) {
    throw new ProtocolError("bad_range", {
      expected: `bytes=FIRST-LAST within ${total} bytes`,
      got: String(range),
    });
  }
  return { first, length: Math.min(last + 1 - first, total - first, limit) };
}
