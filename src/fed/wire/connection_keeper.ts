/**
 * Keeps one connection to the aggregator: opens it, opens another when it is lost, and tells a certificate that is
 * refused from a network that fails.
 */
import type { Identity } from "../pki/own_certificate.ts";
import { ProtocolError } from "../protocol/errors.ts";
import type { OnEvent } from "../protocol/event.ts";
import { Connection, ConnectionLost } from "./connection.ts";

/**
 * Connections closed before the peer's settings, in a row and over so many seconds, that mean: certificate refused. A
 * few of them say nothing: an aggregator whose port strangers crowd closes handshakes that are good.
 */
const REFUSED = { times: 3, seconds: 30 };

export interface KeeperOptions {
  server: URL;
  /** Asked for each connection where it is a function: a certificate may have been renewed. */
  identity: Identity | (() => Promise<Identity>);
  /** Seconds without a good answer after which the silo gives up. */
  wait: number;
  onEvent: OnEvent;
}

/** One connection at a time to one aggregator. */
export class ConnectionKeeper implements Disposable {
  readonly #options: KeeperOptions;
  #connection: Connection | null = null;
  /** What the connection was opened with. */
  #shown: Identity | null = null;
  /** The attempt under way, shared by all requests that wait for it. */
  #attempt: Promise<Connection> | null = null;
  /** Whether the aggregator has ever taken this silo's certificate. */
  #accepted = false;
  /** Connections in a row that were closed before the settings, and when the first of them was; null for none. */
  #refusals: { times: number; since: number } | null = null;
  #closed = false;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  /**
   * The open connection, or a new one.
   * @throws {ConnectionLost} one attempt failed
   * @throws {ProtocolError} `certificate_refused`
   */
  async connect(): Promise<Connection> {
    if (this.#closed) throw new ConnectionLost("this client was closed");
    if (this.#connection?.open) return this.#connection;
    this.#attempt ??= this.#open().finally(() => this.#attempt = null);
    return await this.#attempt;
  }

  async #open(): Promise<Connection> {
    const { server, onEvent } = this.#options;
    this.#connection?.[Symbol.dispose]();
    const identity = await this.#identity();
    const connection = await Connection.open(server, identity).catch((error) => {
      throw this.#countRefusals(error);
    });
    if (this.#closed) {
      connection[Symbol.dispose]();
      throw new ConnectionLost("this client was closed");
    }
    this.#accepted = true;
    this.#connection = connection;
    this.#shown = identity;
    onEvent({ type: "connected", server: server.host });
    return connection;
  }

  /** Handshakes that end before the settings, one after another for long enough, become a refusal. */
  #countRefusals(error: unknown): unknown {
    if (!(error instanceof ConnectionLost && error.unanswered) || this.#accepted) {
      this.#refusals = null;
      return error;
    }
    const now = performance.now();
    this.#refusals ??= { times: 0, since: now };
    const times = ++this.#refusals.times;
    const seconds = (now - this.#refusals.since) / 1000;
    if (times < REFUSED.times || seconds < Math.min(REFUSED.seconds, this.#options.wait)) return error;
    return new ProtocolError("certificate_refused", {
      expected: "the handshake to end with the aggregator's settings",
      got: `${times} connections closed before them in ${Math.round(seconds)} s`,
      cause: error,
    });
  }

  /** Ends the connection whose certificate has expired. @throws {ConnectionLost} there is a renewed one to go on with. */
  async showRenewed(): Promise<void> {
    this.#connection?.[Symbol.dispose]();
    const { cert } = await this.#identity();
    if (cert !== this.#shown?.cert) throw new ConnectionLost("the certificate has expired and was renewed");
  }

  async #identity(): Promise<Identity> {
    const { identity } = this.#options;
    return typeof identity === "function" ? await identity() : identity;
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#connection?.[Symbol.dispose]();
  }
}
