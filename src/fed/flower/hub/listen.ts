/**
 * The Fleet API's port: TLS with the aggregator's certificate, plain calls over HTTP as Flower speaks them since 1.40, and gRPC
 * as before.
 *
 * Who has not shown a key that is enrolled is a stranger, whose connections are few and short (handshakes.ts); a site's own
 * are bounded in number too.
 */
import * as http2 from "node:http2";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Identity } from "../../pki/own_certificate.ts";
import { Handshakes } from "../../wire/handshakes.ts";
import { keepListening, listen } from "../../wire/listener.ts";
import { SESSION_WINDOW, SETTINGS } from "../../wire/tls.ts";
import { answerGrpc } from "./grpc.ts";
import { answerHttp, answerStream } from "./http.ts";
import { type Address, type Answering, type Service, whereFrom } from "./service.ts";

/** Most connections of one site at a time; its oldest go first. A stock SuperNode has a handful. */
const CONNECTIONS = 32;
/** Calls of one connection at a time. */
const CALLS = 64;
/** Seconds that answers under way get when the port closes. */
const FLUSH = 1;

/** A port that is open. */
export interface FleetPort extends AsyncDisposable {
  port: number;
  /** Shows another certificate from the next handshake on. */
  renew(identity: Identity): void;
}

/** Opens the port. @throws {ProtocolError} `port_in_use`, `cannot_listen` */
export async function listenFleet(
  address: Address,
  { identity, service }: { identity: Identity; service: Service },
): Promise<FleetPort> {
  const server = http2.createSecureServer({
    ...contextOf(identity),
    allowHTTP1: true,
    // None: in Deno 2.9.3 its timer holds in memory what is long gone. `Handshakes` has its own.
    handshakeTimeout: -1,
    settings: { ...SETTINGS, maxConcurrentStreams: CALLS },
  });
  const doors = new Doors(server);
  let calls = 0;
  const answering: Answering = async (call) => {
    calls++;
    try {
      return await service(call, (site) => doors.know(call.from, site));
    } finally {
      calls--;
    }
  };
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    answerHttp(request, response, answering).catch(() => response.destroy());
  });
  // For who listens to requests, node answers streams of HTTP/2 as such, and sends trailers of its own: gRPC needs the stream.
  server.removeAllListeners("stream");
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    const answer = isGrpc(headers) ? answerGrpc : answerStream;
    answer(stream, headers, answering).catch(() => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR));
  });
  const port = await listen(server, address);
  keepListening(server);
  server.on("error", () => {});
  return {
    port,
    renew: (identity) => server.setSecureContext(contextOf(identity)),
    async [Symbol.asyncDispose]() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const until = performance.now() + FLUSH * 1000;
      do await new Promise((resolve) => setTimeout(resolve, 5)); while (
        calls > 0 && performance.now() < until
      );
      doors.closeAll();
      await closed;
    },
  };
}

const isGrpc = ({ "content-type": type = "" }: { "content-type"?: string }) =>
  type.startsWith("application/grpc");

/** The part of the server's options that a renewal replaces. */
const contextOf = ({ cert, key }: Identity) => ({ cert, key, minVersion: "TLSv1.2" }) as const;

/** Which connections there are, and whose. */
class Doors {
  readonly #handshakes = new Handshakes<Socket>();
  /** By address and port of the other side. */
  readonly #sockets = new Map<string, Socket>();
  readonly #sessions = new Set<http2.ServerHttp2Session>();
  readonly #known = new Map<string, string[]>();

  constructor(server: http2.Http2SecureServer) {
    server.on("connection", (socket: Socket) => {
      const from = whereFrom(socket);
      this.#sockets.set(from, socket);
      this.#handshakes.begin(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#sockets.delete(from);
        this.#handshakes.end(socket);
      });
    });
    server.on("session", (session) => {
      this.#sessions.add(session);
      session.setLocalWindowSize?.(SESSION_WINDOW);
      session.on("error", () => {});
      session.on("close", () => this.#sessions.delete(session));
    });
    server.on("tlsClientError", () => {});
  }

  /** Notes that a site has shown its key over a connection. */
  know(from: string, site: string): void {
    const own = (this.#known.get(site) ?? []).filter((one) => this.#sockets.has(one));
    if (own.includes(from)) return;
    const socket = this.#sockets.get(from);
    if (socket !== undefined) this.#handshakes.end(socket);
    if (own.length >= CONNECTIONS) this.#sockets.get(own.shift()!)?.destroy();
    this.#known.set(site, [...own, from]);
  }

  closeAll(): void {
    this.#handshakes.closeAll();
    for (const session of this.#sessions) session.destroy();
    for (const socket of this.#sockets.values()) socket.destroy();
  }
}
