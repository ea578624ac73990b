/**
 * Carries requests over HTTP/2 with mutual TLS to a handler and its answers back.
 *
 * Why so little: everything that decides lives in the handlers, which tests call without a socket.
 */
import * as http2 from "node:http2";
import type { Socket } from "node:net";
import type { Admission, Peer } from "./admission.ts";
import type { Identity } from "./certificate.ts";
import { ProtocolError } from "./errors.ts";
import type { OnEvent } from "./event.ts";
import { expectReader, sendRange } from "./ranges.ts";
import { ASK_AGAIN } from "./slots.ts";
import { peerOf, SESSION_WINDOW, SETTINGS } from "./tls.ts";
import { answerOf, type Handler, splitPath, type WireAnswer } from "./wire.ts";

/** Seconds between pings that keep a connection through firewalls and notice a peer that vanished or reads nothing. */
const PING = 20;

/**
 * Pings that may be unanswered: a silo's answers to them wait behind what it uploads, and they are all that it hears
 * until its part is through. With ten, the default, they end after 200 s, and the silo takes the silence for a loss.
 */
const UNANSWERED = 64;

/** Most requests of a connection at a time; a silo has one, its heartbeats and its question for the next stage. */
const REQUESTS = 128;

/** Seconds that answers under way get when the server stops, and then those that were written to leave. */
const FLUSH = 1;

/** Where to listen and what to do with what arrives. */
export interface ServeOptions {
  host: string;
  /** 0 chooses a free port. */
  port: number;
  identity: Identity;
  /** Seconds between pings. @default 20 */
  ping?: number;
  /** Asked before each request, and before each answer. */
  admission: Pick<Admission, "check">;
  handler: Handler;
  onEvent: OnEvent;
  /** A connection of this silo opened (true) or closed (false). */
  onSession(silo: string, session: object, open: boolean): void;
}

/** A listening server; disposing of it lets answers under way out, then closes every connection. */
export interface Server extends AsyncDisposable {
  port: number;
}

/**
 * Starts to listen. @throws {ProtocolError} `port_in_use`, `cannot_listen`.
 */
export async function serve(options: ServeOptions): Promise<Server> {
  const { identity, onEvent } = options;
  const server = http2.createSecureServer({
    ...identity,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: "TLSv1.3",
    settings: { ...SETTINGS, maxConcurrentStreams: REQUESTS },
    maxOutstandingPings: UNANSWERED,
  });
  const { sessions, sockets } = follow(server, options);
  const answering = new Set<http2.ServerHttp2Stream>();
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    stream.on("close", () => answering.delete(stream));
    const { session } = stream;
    const isOpen = () => session !== undefined && sessions.has(session as http2.ServerHttp2Session);
    serveStream(stream, headers, { ...options, isOpen, onAnswer: () => answering.add(stream) })
      .catch(() => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR));
  });
  server.on("tlsClientError", (error: Error & { code?: string }, socket?: Refused) => {
    const peer = socket?.remoteAddress ?? socket?._parent?.remoteAddress ?? "unknown";
    onEvent({ type: "refused", peer, code: error.code ?? error.message });
  });
  const port = await listen(server, options);
  server.on("error", (error) => onEvent({ type: "warning", text: `the listening socket: ${error.message}` }));
  return {
    port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      await flushed(answering);
      for (const session of sessions) session.destroy();
      const late = setTimeout(() => sockets.forEach((socket) => socket.destroy()), FLUSH * 1000);
      await closed.finally(() => clearTimeout(late));
    },
  };
}

/** Keeps what is connected: tells of the silos that come and go, and pings them. */
function follow(
  server: http2.Http2SecureServer,
  { onSession, ping: period = PING }: Pick<ServeOptions, "onSession" | "ping">,
): { sessions: ReadonlySet<http2.ServerHttp2Session>; sockets: ReadonlySet<Socket> } {
  const sessions = new Set<http2.ServerHttp2Session>();
  // A session that is destroyed waits until its peer has read what was written: only its socket ends it at once.
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  let below: Socket; // comes just before its session
  server.prependListener("secureConnection", (socket: Socket) => below = socket);
  server.on("session", (session) => {
    const socket = below;
    sessions.add(session);
    session.setLocalWindowSize?.(SESSION_WINDOW);
    const silo = peerOf(session.socket)?.silo ?? null;
    const ping = setInterval(
      () => session.destroyed ? socket.destroy() : session.ping(() => {}),
      period * 1000,
    );
    session.on("error", () => {});
    session.on("close", () => {
      clearInterval(ping);
      sessions.delete(session);
      if (silo !== null) onSession(silo, session, false);
    });
    if (silo !== null) onSession(silo, session, true);
  });
  return { sessions, sockets };
}

/** Waits until no answer is under way, those included that are about to be given; `FLUSH` seconds at most. */
async function flushed(answering: ReadonlySet<unknown>): Promise<void> {
  const until = performance.now() + FLUSH * 1000;
  do {
    await new Promise((resolve) => setTimeout(resolve, 5));
  } while (answering.size > 0 && performance.now() < until);
}

/** A TLS socket whose handshake failed; in Deno 2.9.3 only the socket below it still knows the peer. */
type Refused = { remoteAddress?: string; _parent?: { remoteAddress?: string } };

function listen(server: http2.Http2SecureServer, options: { host: string; port: number }): Promise<number> {
  const { host, port } = options;
  return new Promise((resolve, reject) => {
    const refuse = (cause: Error & { code?: string }) => reject(listenError(`${host}:${port}`, cause));
    server.once("error", refuse);
    server.listen(port, host, () => {
      server.off("error", refuse);
      resolve((server.address() as { port: number }).port);
    });
  });
}

function listenError(address: string, cause: Error & { code?: string }): ProtocolError {
  if (cause.code === "EADDRINUSE") {
    return new ProtocolError("port_in_use", {
      expected: `${address} to be free`,
      got: "another process on it",
      cause,
    });
  }
  const got = cause.code === "EACCES" ? "no permission for that port" : cause.message;
  return new ProtocolError("cannot_listen", { expected: `to listen on ${address}`, got, cause });
}

/** What a request needs. `isOpen`: whether its connection is, which `onSession` has not been told the end of. */
type Service = Pick<ServeOptions, "admission" | "handler" | "onEvent"> & { isOpen: () => boolean };

async function serveStream(
  stream: http2.ServerHttp2Stream,
  headers: http2.IncomingHttpHeaders,
  options: Service & { onAnswer: () => void },
): Promise<void> {
  const gone = new AbortController();
  // Whichever comes first: what a broken body does to a handler is then no failure of the handler.
  for (const end of ["aborted", "error", "close"]) stream.once(end, () => gone.abort());
  const answer = await ask(stream, headers, { ...options, signal: gone.signal });
  if (stream.destroyed || !expectReader(stream.session)) return;
  options.onAnswer();
  // Answered before the whole body came: the rest must be read away, or the stream never closes.
  stream.resume();
  if ("json" in answer) {
    const body = new TextEncoder().encode(JSON.stringify(answer.json));
    stream.respond({
      ":status": answer.status,
      "content-type": "application/json",
      "content-length": body.length,
      ...answer.status === 503 ? { "retry-after": String(ASK_AGAIN) } : {},
    });
    stream.end(body);
    return;
  }
  await sendRange(stream, answer);
}

async function ask(
  stream: http2.ServerHttp2Stream,
  headers: http2.IncomingHttpHeaders,
  context: Service & { signal: AbortSignal },
): Promise<WireAnswer> {
  const { session } = stream;
  let peer: Peer | null = null;
  try {
    peer = peerOf(session?.socket);
    if (peer === null) {
      throw new ProtocolError("not_a_silo", {
        expected: "a certificate with one silo's name",
        got: "another one",
      });
    }
    await context.admission.check(peer);
    // Or the handler would take a connection that is gone for the silo's, and refuse the one that follows it.
    if (!context.isOpen()) throw new Error("the connection closed before its request was looked at");
    const answer = await context.handler({
      method: headers[":method"] ?? "",
      ...splitPath(headers[":path"] ?? "/"),
      range: headers.range,
      silo: peer.silo,
      session: session!,
      // A handler that refuses in the middle of the body still has its answer to give on this stream.
      body: stream.iterator({ destroyOnReturn: false }),
      signal: context.signal,
    });
    await context.admission.check(peer); // an answer may be half a minute later
    return answer;
  } catch (error) {
    if (error instanceof ProtocolError && error.code === "certificate_revoked") {
      const { code, expected, got } = error;
      context.onEvent({ type: "refused", peer: peer!.silo, code, expected, got });
    }
    return answerOf(error);
  }
}
