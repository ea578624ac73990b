/**
 * Carries requests over HTTP/2 with mutual TLS to a handler and its answers back.
 *
 * Why so little: everything that decides lives in the handlers, which tests call without a socket.
 */
import * as http2 from "node:http2";
import type { Identity } from "./certificate.ts";
import { ProtocolError } from "./errors.ts";
import type { OnEvent } from "./event.ts";
import { readAt } from "./files.ts";
import { SESSION_WINDOW, SETTINGS, siloOf } from "./tls.ts";
import { answerOf, type FileRange, type Handler, type WireAnswer } from "./wire.ts";

/** Seconds between pings that keep a connection through firewalls and notice a peer that vanished. */
const PING = 20;

/** Where to listen and what to do with what arrives. */
export interface ServeOptions {
  host: string;
  /** 0 chooses a free port. */
  port: number;
  identity: Identity;
  handler: Handler;
  onEvent: OnEvent;
  /** A connection of this silo opened (true) or closed (false). */
  onSession(silo: string, session: object, open: boolean): void;
}

/** A listening server; disposing of it closes every connection. */
export interface Server extends AsyncDisposable {
  port: number;
}

/**
 * Starts to listen. @throws {ProtocolError} `port_in_use`.
 */
export async function serve(options: ServeOptions): Promise<Server> {
  const { identity, handler, onEvent } = options;
  const server = http2.createSecureServer({
    ...identity,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: "TLSv1.3",
    settings: SETTINGS,
  });
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on("session", (session) => {
    sessions.add(session);
    session.setLocalWindowSize?.(SESSION_WINDOW);
    const silo = siloOf(session.socket);
    const ping = setInterval(() => session.destroyed || session.ping(() => {}), PING * 1000);
    session.on("error", () => {});
    session.on("close", () => {
      clearInterval(ping);
      sessions.delete(session);
      if (silo !== null) options.onSession(silo, session, false);
    });
    if (silo !== null) options.onSession(silo, session, true);
  });
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    serveStream(stream, headers, handler).catch(() => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR));
  });
  server.on("tlsClientError", (error: Error & { code?: string }, socket?: Refused) => {
    const peer = socket?.remoteAddress ?? socket?._parent?.remoteAddress ?? "unknown";
    onEvent({ type: "refused", peer, code: error.code ?? error.message });
  });
  const port = await listen(server, options);
  return {
    port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) session.destroy();
      await closed;
    },
  };
}

/** A TLS socket whose handshake failed; in Deno 2.9.3 only the socket below it still knows the peer. */
type Refused = { remoteAddress?: string; _parent?: { remoteAddress?: string } };

function listen(server: http2.Http2SecureServer, options: { host: string; port: number }): Promise<number> {
  const { host, port } = options;
  return new Promise((resolve, reject) => {
    server.once("error", (cause: Error & { code?: string }) => {
      const taken = cause.code === "EADDRINUSE";
      reject(
        new ProtocolError("port_in_use", {
          expected: `${host}:${port} to be free`,
          got: taken ? "another process on it" : cause.message,
          cause,
        }),
      );
    });
    server.listen(port, host, () => resolve((server.address() as { port: number }).port));
  });
}

async function serveStream(
  stream: http2.ServerHttp2Stream,
  headers: http2.IncomingHttpHeaders,
  handler: Handler,
): Promise<void> {
  const gone = new AbortController();
  stream.once("close", () => gone.abort());
  const answer = await ask(stream, headers, { handler, signal: gone.signal });
  if (stream.destroyed) return;
  // Answered before the whole body came: the rest must be read away, or the stream never closes.
  stream.resume();
  if ("json" in answer) {
    const body = new TextEncoder().encode(JSON.stringify(answer.json));
    stream.respond({
      ":status": answer.status,
      "content-type": "application/json",
      "content-length": body.length,
    });
    stream.end(body);
    return;
  }
  const { file } = answer;
  const bytes = await readRange(file);
  stream.respond({
    ":status": answer.status,
    "content-type": "application/octet-stream",
    "content-length": bytes.length,
    "content-range": `bytes ${file.first}-${file.first + file.length - 1}/${file.total}`,
    etag: `"${file.sha256}"`,
  });
  stream.end(bytes);
}

async function ask(
  stream: http2.ServerHttp2Stream,
  headers: http2.IncomingHttpHeaders,
  context: { handler: Handler; signal: AbortSignal },
): Promise<WireAnswer> {
  try {
    const silo = siloOf(stream.session?.socket);
    if (silo === null) {
      throw new ProtocolError("not_a_silo", {
        expected: "a certificate with one silo's name",
        got: "another one",
      });
    }
    const url = new URL(headers[":path"] ?? "/", "https://aggregator");
    return await context.handler({
      method: headers[":method"] ?? "",
      path: url.pathname,
      query: url.searchParams,
      range: headers.range,
      silo,
      session: stream.session!,
      body: stream,
      signal: context.signal,
    });
  } catch (error) {
    return answerOf(error);
  }
}

async function readRange(range: FileRange): Promise<Uint8Array> {
  using file = await Deno.open(range.path);
  const bytes = new Uint8Array(range.length);
  await readAt(file, range.first, bytes);
  return bytes;
}
