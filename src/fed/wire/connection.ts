/**
 * One HTTP/2 connection from a silo to the aggregator: requests out, whole answers back.
 *
 * The aggregator is judged (peer.ts) before a byte of HTTP/2 is sent. Two traps of Deno 2.9.3 shape the rest. Under TLS
 * 1.3 a refused client certificate shows only as 'connect' followed by 'close' without the peer's settings, so a
 * connection counts as open when the settings have come. And a `data` listener attached before 'response' would see
 * bytes before the status.
 */
import * as http2 from "node:http2";
import { connect, type TLSSocket } from "node:tls";
import type { Identity } from "../pki/own_certificate.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { type Issuer, issuerOf } from "../pki/issuer.ts";
import { checkTime, type Peer } from "../pki/peer.ts";
import { explainServer } from "./explain_server.ts";
import { wordsAtSilo, wordsOfServer } from "./handshake_words.ts";
import { describeWay, SILENT } from "./describe_way.ts";
import { peerOf, SESSION_WINDOW, SETTINGS } from "./tls.ts";
import { joinChunks } from "./exchange.ts";
import { writeParts } from "./write_parts.ts";
import { hostOf } from "../pki/host.ts";
import { freeMemory } from "../../files/free_memory.ts";

/** Seconds until a connection attempt is given up. */
const CONNECT_TIMEOUT = 15;

/** Seconds until an answer counts as lost however much comes over the connection: a range of 8 MiB at 112 kbit/s. */
const LONGEST = 600;

/** How a refused certificate looks, and an aggregator with more connections than it can hold. */
const CLOSED_UNANSWERED =
  "the aggregator closed the connection before it answered, as where it refuses a certificate";

/** Times in a silence that somebody looks whether it is one. */
const LOOKS = 10;

/** One request. */
export interface Call {
  method: "GET" | "POST" | "PUT";
  path: string;
  headers?: Record<string, string>;
  /** Sent in order; nothing for GET. */
  body?: Uint8Array[];
  /** Where the body of a good answer goes that is no longer than this. @default a new array */
  into?: Uint8Array<ArrayBuffer>;
  /** Seconds without a byte over the connection after which the answer counts as lost. @default 60 */
  timeout?: number;
}

/** A whole answer. */
export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: Uint8Array<ArrayBuffer>;
}

/** The connection broke, or never came about; the same request may work on another one. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";
  /** Whether the handshake went through and then the peer closed before its settings: a refused certificate looks so. */
  readonly unanswered: boolean;
  /** The host, where no name server knows it: its name may be wrong. */
  readonly unknownHost: string | null;

  constructor(
    message: string,
    options: { unanswered?: boolean; unknownHost?: string; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.unanswered = options.unanswered ?? false;
    this.unknownHost = options.unknownHost ?? null;
  }
}

/** An open connection; disposing of it closes it. */
export class Connection implements Disposable {
  readonly #session: http2.ClientHttp2Session;
  readonly #peer: Peer;
  readonly #now: () => Date;

  private constructor(session: http2.ClientHttp2Session, options: { peer: Peer; now: () => Date }) {
    this.#session = session;
    this.#peer = options.peer;
    this.#now = options.now;
  }

  /** Whether requests can still be sent: it is closed once the aggregator's certificate is no longer good. */
  get open(): boolean {
    if (this.#session.destroyed || this.#session.closed) return false;
    try {
      checkTime(this.#peer, { role: "aggregator", now: this.#now() });
      return true;
    } catch {
      this.#session.destroy();
      return false;
    }
  }

  /**
   * Connects, judges the aggregator's certificate and waits for its settings.
   *
   * @param options.now the clock that certificates' dates are held against
   * @default options.now of this machine
   * @throws {ConnectionLost} · {ProtocolError} `server_certificate`, which no retry cures.
   */
  static async open(
    server: URL,
    identity: Identity,
    options: { now?: () => Date } = {},
  ): Promise<Connection> {
    const { now = () => new Date() } = options;
    const ca = issuerOf(identity.ca);
    const host = hostOf(server);
    const socket = secure(server, { host, identity });
    const timer = Promise.withResolvers<never>();
    const timeout = setTimeout(
      () => timer.reject(new ConnectionLost(`no answer within ${CONNECT_TIMEOUT} s`, { cause: SILENT })),
      CONNECT_TIMEOUT * 1000,
    );
    try {
      await Promise.race([connected(socket), timer.promise]).catch(async (error) => {
        throw await explained(error, server, { ca, host });
      });
      const peer = peerOf(socket, { role: "aggregator", ca, host, now: now() });
      const session = http2.connect(server, { createConnection: () => socket, settings: SETTINGS });
      await Promise.race([settled(session), timer.promise]);
      return new Connection(session, { peer, now });
    } catch (error) {
      socket.destroy();
      throw error;
    } finally {
      clearTimeout(timeout);
    }
  }

  /**
   * Sends a request and waits for the whole answer; one that comes too late ends the connection.
   * @throws {ConnectionLost}
   */
  send(call: Call): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (!this.open) return reject(new ConnectionLost("the connection is closed"));
      const stream = this.#session.request({ ":method": call.method, ":path": call.path, ...call.headers });
      const watch = this.#watch(call.timeout ?? 60, (seconds) => {
        // A peer that vanished without a word shows in no other way: the next request needs a new connection.
        this.#session.destroy();
        fail(new ConnectionLost(`no answer within ${seconds} s`));
      });
      const fail = (error: Error) => {
        clearInterval(watch);
        reject(error);
      };
      stream.on("error", (cause: Error) => fail(new ConnectionLost(cause.message, { cause })));
      stream.on("close", () => fail(new ConnectionLost("the connection closed before the answer")));
      stream.on("response", (headers: http2.IncomingHttpHeaders) => {
        const wanted = Number(headers["content-length"]);
        const { take, whole } = collector(wanted, Number(headers[":status"]) < 400 ? call.into : undefined);
        stream.on("data", take);
        stream.on("end", () => {
          const body = whole();
          // A connection that breaks in the middle of an answer also shows as 'end'.
          if (body.length !== wanted) {
            return fail(new ConnectionLost(`${body.length} of ${wanted} bytes came`));
          }
          clearInterval(watch);
          resolve({ status: Number(headers[":status"]), headers, body });
        });
      });
      writeParts(stream, call.body ?? []);
    });
  }

  /**
   * Calls `late` once no byte has come for `silence` seconds, or after the longest time. A slow line carries a range of
   * the model for minutes, and a heartbeat's answer behind it.
   */
  #watch(silence: number, late: (seconds: number) => void): ReturnType<typeof setInterval> {
    const began = performance.now();
    const silent = { since: began, bytes: this.#session.socket?.bytesRead };
    return setInterval(() => {
      const now = performance.now();
      const bytes = this.#session.socket?.bytesRead;
      if (bytes !== silent.bytes) Object.assign(silent, { since: now, bytes });
      if (now - silent.since >= silence * 1000) late(silence);
      else if (now - began >= LONGEST * 1000) late(LONGEST);
    }, silence * 1000 / LOOKS);
  }

  [Symbol.dispose](): void {
    this.#session.destroy();
  }
}

/** Begins a TLS connection. */
function secure(server: URL, { host, identity }: { host: string; identity: Identity }): TLSSocket {
  return connect({
    ...identity,
    host,
    port: Number(server.port || 443),
    ALPNProtocols: ["h2"],
    minVersion: "TLSv1.3",
    // Whatever the environment says.
    rejectUnauthorized: true,
  });
}

/** The handshake's end on this side; a refusal of this silo's certificate would come after it. */
function connected(socket: TLSSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.on("secureConnect", () => resolve());
    socket.on("error", (error: Error & { code?: string }) => reject(classify(error)));
    socket.on("close", () => reject(new ConnectionLost("the aggregator closed the connection")));
  });
}

/** The aggregator's settings: with them it has taken this silo's certificate. */
function settled(session: http2.ClientHttp2Session): Promise<void> {
  return new Promise((resolve, reject) => {
    session.on("connect", () => session.setLocalWindowSize?.(SESSION_WINDOW));
    session.on("remoteSettings", () => resolve());
    session.on("error", (error: Error & { code?: string }) => reject(classify(error)));
    session.on(
      "close",
      () => reject(new ConnectionLost(CLOSED_UNANSWERED, { unanswered: true })),
    );
  });
}

/** Deno's own refusal of the aggregator's certificate with its reason, or what was tried where there is no way to it. */
async function explained(
  error: unknown,
  server: URL,
  options: { ca: Issuer; host: string },
): Promise<unknown> {
  if (error instanceof ProtocolError) return await explainServer(server, { ...options, error });
  const way = await describeWay(server, (error as Error).cause);
  return way === null ? error : new ConnectionLost(way.text, { unknownHost: way.unknownHost, cause: error });
}

/** Puts a body's chunks together, in `into` when a body of the wanted length fits. */
function collector(wanted: number, into?: Uint8Array<ArrayBuffer>) {
  if (into === undefined || !(wanted <= into.length)) {
    const chunks: Uint8Array[] = [];
    return { take: (chunk: Uint8Array) => void chunks.push(chunk), whole: () => joinChunks(chunks) };
  }
  let held = 0;
  const take = (chunk: Uint8Array) => {
    into.set(chunk.subarray(0, into.length - held), held);
    held = Math.min(into.length, held + chunk.length);
    freeMemory(chunk);
  };
  return { take, whole: () => into.subarray(0, held) };
}

/** Faults of certificates are final; everything else may pass. */
function classify(error: Error & { code?: string }): Error {
  const text = `${error.code ?? ""} ${error.message}`;
  if (
    /CERTIFICATE_REQUIRED|ALERT_(UNKNOWN_CA|BAD_CERTIFICATE|ACCESS_DENIED|DECRYPT_ERROR|CERTIFICATE_UNKNOWN)|UNSUPPORTED_CERTIFICATE/i
      .test(text)
  ) {
    return new ConnectionLost(CLOSED_UNANSWERED, { unanswered: true, cause: error });
  }
  if (
    /UnknownIssuer|NotValidForName|invalid peer certificate|UNABLE_TO_VERIFY|SELF_SIGNED|ALTNAME_INVALID|CERT_/i
      .test(text)
  ) {
    return new ProtocolError("server_certificate", {
      expected: "a certificate of this CA for this host",
      got: wordsOfServer(error),
      cause: error,
    });
  }
  return new ConnectionLost(wordsAtSilo(error), { cause: error });
}
