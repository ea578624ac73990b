/**
 * Carries requests over HTTP/2 with mutual TLS to a handler and its answers back.
 *
 * A peer is judged (peer.ts) when its handshake is done; what is refused, HTTP/2 never sees.
 *
 * Why so little: everything that decides lives in the handlers, which tests call without a socket.
 */
import * as http2 from "node:http2";
import type { Socket } from "node:net";
import type { Admission } from "../pki/admission.ts";
import type { Identity } from "../pki/own_certificate.ts";
import { addressOf, denialOf, judgeFirst, reasonOf, type Refused } from "./entrance.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { goneWith } from "./gone.ts";
import { Handshakes } from "./handshakes.ts";
import { keepListening, listen } from "./listener.ts";
import type { OnEvent } from "../protocol/event.ts";
import { checkTime, type SiloPeer } from "../pki/peer.ts";
import { endIfUnread, sendRange } from "./ranges.ts";
import { ASK_AGAIN } from "./slots.ts";
import { SESSION_WINDOW, SETTINGS } from "./tls.ts";
import { answerOf, type Handler, splitPath, type WireAnswer } from "./exchange.ts";

/** Seconds between pings that keep a connection through firewalls and notice a peer that vanished or reads nothing. */
const PING = 20;

/**
 * Pings that may be unanswered: a silo's answers to them wait behind what it uploads, and they are all that it hears
 * until its part is through. With ten, the default, they end after 200 s, and the silo takes the silence for a loss.
 */
const UNANSWERED = 64;

/** Most requests of a connection at a time; a silo has one, its heartbeats and its question for the next stage. */
const REQUESTS = 128;

/** Most connections of one silo at a time, its oldest go first: it has one, and another while that one is dying. */
const SESSIONS = 4;

/** Refusals of a certificate that was good when its connection began. */
const OVER: ReadonlySet<string> = new Set(["certificate_revoked", "certificate_expired"]);

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
  /** Bounds on unfinished handshakes. @default those of Handshakes */
  handshakes?: { most?: number; longest?: number };
  /** Asked before each request, and before each answer. */
  admission: Pick<Admission, "check">;
  /** The clock that certificates' dates are held against. @default this machine's */
  now?: () => Date;
  handler: Handler;
  onEvent: OnEvent;
  /** A connection of this silo opened (true) or closed (false). */
  onSession(silo: string, session: object, open: boolean): void;
}

/** A listening server; disposing of it lets answers under way out, then closes every connection. */
export interface Server extends AsyncDisposable {
  port: number;
  /** Shows another certificate from the next handshake on. */
  renew(identity: Identity): void;
}

/**
 * Starts to listen. @throws {ProtocolError} `port_in_use`, `cannot_listen`, `damaged_ca`.
 */
export async function serve(options: ServeOptions): Promise<Server> {
  const { identity, onEvent } = options;
  const server = http2.createSecureServer({
    ...secureContext(identity),
    requestCert: true,
    rejectUnauthorized: true,
    // None: in Deno 2.9.3 its timer holds in memory what is long gone, for two minutes. `Handshakes` has its own.
    handshakeTimeout: -1,
    settings: { ...SETTINGS, maxConcurrentStreams: REQUESTS },
    maxOutstandingPings: UNANSWERED,
  });
  const { sessions, sockets, peers, handshakes } = follow(server, options);
  const answering = new Set<http2.ServerHttp2Stream>();
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    stream.on("close", () => answering.delete(stream));
    const { session } = stream;
    const isOpen = () => session !== undefined && sessions.has(session as http2.ServerHttp2Session);
    const peer = peers.get(session!);
    serveStream(stream, headers, { ...options, peer, isOpen, onAnswer: () => answering.add(stream) })
      .catch(() => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR));
  });
  server.on("tlsClientError", (error: Error & { code?: string }, socket?: Refused) => {
    onEvent({ type: "refused", peer: addressOf(socket), ...denialOf(error, socket) });
  });
  const port = await listen(server, options);
  keepListening(server);
  server.on("error", (error) => onEvent({ type: "warning", text: `the listening socket: ${error.message}` }));
  return {
    port,
    renew: (identity) => server.setSecureContext(secureContext(identity)),
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      handshakes.closeAll();
      await flushed(answering);
      for (const session of sessions) session.destroy();
      const late = setTimeout(() => sockets.forEach((socket) => socket.destroy()), FLUSH * 1000);
      await closed.finally(() => clearTimeout(late));
    },
  };
}

/** The part of a server's options that a renewal replaces. */
const secureContext = (identity: Identity) => ({ ...identity, minVersion: "TLSv1.3" } as const);

/** Keeps what is connected: tells of the silos that come and go, and pings them. */
function follow(
  server: http2.Http2SecureServer,
  options: Pick<ServeOptions, "handshakes" | "identity" | "now" | "onEvent" | "onSession" | "ping">,
): {
  sessions: ReadonlySet<http2.ServerHttp2Session>;
  sockets: ReadonlySet<Socket>;
  /** Who speaks in a session: all that a request is known by. */
  peers: Pick<WeakMap<object, SiloPeer>, "get">;
  handshakes: Pick<Handshakes<Socket>, "closeAll">;
} {
  const { onSession, ping: period = PING } = options;
  const sessions = new Set<http2.ServerHttp2Session>();
  const peers = new WeakMap<object, SiloPeer>();
  // A session that is destroyed waits until its peer has read what was written: only its socket ends it at once.
  const sockets = new Set<Socket>();
  const handshakes = new Handshakes<Socket>(options.handshakes);
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    handshakes.begin(socket);
    socket.on("close", () => {
      sockets.delete(socket);
      handshakes.end(socket);
    });
  });
  const entering = judgeFirst(server, options);
  server.on("secureConnection", (socket: { _parent?: Socket }) => handshakes.end(socket._parent!));
  server.on("session", (session) => {
    const { socket, peer } = entering()!;
    sessions.add(session);
    peers.set(session, peer);
    const own = [...sessions].filter((one) => peers.get(one)?.silo === peer.silo);
    if (own.length > SESSIONS) own[0].destroy();
    session.setLocalWindowSize?.(SESSION_WINDOW);
    const ping = setInterval(
      () => session.destroyed ? socket.destroy() : session.ping(() => {}),
      period * 1000,
    );
    session.on("error", () => {});
    session.on("close", () => {
      clearInterval(ping);
      sessions.delete(session);
      onSession(peer.silo, session, false);
    });
    onSession(peer.silo, session, true);
  });
  return { sessions, sockets, peers, handshakes };
}

/** Waits until no answer is under way, those included that are about to be given; `FLUSH` seconds at most. */
async function flushed(answering: ReadonlySet<unknown>): Promise<void> {
  const until = performance.now() + FLUSH * 1000;
  do {
    await new Promise((resolve) => setTimeout(resolve, 5));
  } while (answering.size > 0 && performance.now() < until);
}

/** What a request needs. `isOpen`: whether its connection is, which `onSession` has not been told the end of. */
type Service = Pick<ServeOptions, "admission" | "handler" | "onEvent" | "now"> & {
  peer: SiloPeer | undefined;
  isOpen: () => boolean;
};

async function serveStream(
  stream: http2.ServerHttp2Stream,
  headers: http2.IncomingHttpHeaders,
  options: Service & { onAnswer: () => void },
): Promise<void> {
  const answer = await ask(stream, headers, { ...options, signal: goneWith(stream) });
  if (stream.destroyed || endIfUnread(stream.session)) return;
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
  const { peer, now = () => new Date() } = context;
  try {
    if (peer === undefined) throw new Error("a request of nobody who was judged");
    const checkDates = () => checkTime(peer, { role: "silo", now: now() });
    const checkAll = async () => {
      checkDates();
      await context.admission.check(peer);
    };
    await checkAll();
    // Or the handler would take a connection that is gone for the silo's, and refuse the one that follows it.
    if (!context.isOpen()) throw new Error("the connection closed before its request was looked at");
    const answer = await context.handler({
      method: headers[":method"] ?? "",
      ...splitPath(headers[":path"] ?? "/"),
      range: headers.range,
      silo: peer.silo,
      session: session!,
      // A handler that refuses in the middle of the body still has its answer to give on this stream.
      body: whileGood(stream.iterator({ destroyOnReturn: false }), { checkDates, checkAll }),
      signal: context.signal,
    });
    await checkAll(); // an answer may be half a minute later
    return answer;
  } catch (error) {
    if (error instanceof ProtocolError && OVER.has(error.code)) {
      context.onEvent({ type: "refused", peer: peer!.silo, ...reasonOf(error) });
    }
    return answerOf(error);
  }
}

/** A request's body for as long as its certificate is good: what came whole after that does not count. */
async function* whileGood(
  body: AsyncIterable<Uint8Array>,
  { checkDates, checkAll }: { checkDates: () => void; checkAll: () => Promise<void> },
): AsyncIterable<Uint8Array> {
  for await (const chunk of body) {
    checkDates();
    yield chunk;
  }
  await checkAll();
}
