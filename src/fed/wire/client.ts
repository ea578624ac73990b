/**
 * The aggregator as a silo sees it: typed requests that reconnect and retry until `wait` is over.
 *
 * What is retried and what is final comes from one table (`errors.ts`) and one rule: a connection that
 * breaks may come back, a refusal does not.
 */
import { createHash } from "node:crypto";
import type * as v from "valibot";
import type { Identity } from "../pki/certificate.ts";
import { clockAhead, clockWarning } from "./clock.ts";
import { type Answer, type Call, Connection, ConnectionLost } from "./connection.ts";
import { Damage } from "./damage.ts";
import { ProtocolError } from "../protocol/errors.ts";
import type { OnEvent } from "../protocol/event.ts";
import { readAt } from "../../files/whole.ts";
import { encodeFrames } from "../protocol/frame.ts";
import {
  ErrorBodySchema,
  type Heartbeat,
  type HeartbeatAnswer,
  HeartbeatAnswerSchema,
  parseMessage,
  type Receipt,
  ReceivedSchema,
  type Registration,
  type RunView,
  RunViewSchema,
  type Scores,
  UpdateProgressSchema,
  type UpdateStart,
} from "../protocol/messages.ts";
import { ASK_AGAIN } from "./slots.ts";

/** Bytes of a model asked for at once. */
const RANGE = 8 << 20;
/** Bytes of an update in one request: seven frames and their headers stay below 8 MiB. */
const PART = 7 << 20;
/**
 * Seconds between attempts: doubled from the first to the last, with jitter. A full disk stays full for minutes, and
 * every attempt sends it up to a part.
 */
const BACKOFF = { first: 0.1, last: 5, full: 60 };
/**
 * Connections closed before the peer's settings, in a row and over so many seconds, that mean: certificate refused. A
 * few of them say nothing: an aggregator whose port strangers crowd closes handshakes that are good.
 */
const REFUSED = { times: 3, seconds: 30 };
/** Seconds between two `retry` events for the same kind of reason. */
const QUIET = 60;

export interface ClientOptions {
  server: URL;
  /** Asked for each connection where it is a function: a certificate may have been renewed. */
  identity: Identity | (() => Promise<Identity>);
  /** Seconds without a good answer after which the silo gives up. */
  wait: number;
  onEvent: OnEvent;
  signal?: AbortSignal;
}

/** Requests to one aggregator, over one connection at a time. */
export class Client implements Disposable {
  readonly #options: ClientOptions;
  #connection: Connection | null = null;
  /** What the connection was opened with. */
  #shown: Identity | null = null;
  /** The attempt under way, shared by all requests that wait for it. */
  #attempt: Promise<Connection> | null = null;
  #accepted = false;
  /** Connections in a row that were closed so, and when the first of them was; null where it was not. */
  #refusals: { times: number; since: number } | null = null;
  /** When requests began to fail in a row; null after a good answer. A process that was stopped begins anew. */
  #failing: number | null = null;
  /** When a `retry` event was last given, seconds, and for what. */
  #told = { at: -Infinity, what: "" };
  #closed = false;
  #ahead: number | null | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  /** Seconds by which the aggregator's clock is ahead of this machine's; null as long as that is not known. */
  get clockAhead(): number | null {
    return this.#ahead ?? null;
  }

  /** The run; with `seen` (see `stageOf`) answered when it differs, or after `wait` seconds. */
  view(options: { seen?: string; wait?: number } = {}): Promise<RunView> {
    const { seen, wait = 20 } = options;
    const query = seen === undefined ? "" : `?seen=${encodeURIComponent(seen)}&wait=${wait}`;
    return this.#retry(() => this.#json(RunViewSchema, { method: "GET", path: `/v1/run${query}` }));
  }

  /** One attempt to say that this silo has all it needs of the finished run, whose stage is `seen`. */
  async leave(seen: string): Promise<void> {
    const path = `/v1/run?seen=${encodeURIComponent(seen)}&wait=0`;
    await this.#json(RunViewSchema, { method: "GET", path, timeout: 5 });
  }

  join(registration: Registration): Promise<RunView> {
    return this.#retry(() => this.#post(RunViewSchema, "/v1/join", registration));
  }

  /** Sends scores of `scores.round`; the same again replaces them. */
  async scores(scores: Scores): Promise<void> {
    await this.#retry(() => this.#post(ReceivedSchema, `/v1/rounds/${scores.round}/scores`, scores));
  }

  /** One attempt: a heartbeat that fails is followed by the next. */
  heartbeat(beat: Heartbeat): Promise<HeartbeatAnswer> {
    return this.#post(HeartbeatAnswerSchema, "/v1/heartbeat", beat);
  }

  /**
   * Pulls the model after `round` in ranges. `length` counts f32.
   * @throws {ProtocolError} `bad_answer` when its digest is not `sha256` (null: the one the aggregator names).
   */
  async pull(
    round: number,
    options: { length: number; sha256: string | null },
  ): Promise<{ vector: Float32Array<ArrayBuffer>; sha256: string }> {
    const vector = new Float32Array(options.length);
    const bytes = new Uint8Array(vector.buffer);
    const digest = createHash("sha256");
    let named = options.sha256 ?? "";
    for (let first = 0; first < bytes.length;) {
      const last = Math.min(first + RANGE, bytes.length) - 1;
      const call: Call = {
        method: "GET",
        path: `/v1/rounds/${round}/model`,
        headers: { range: `bytes=${first}-${last}` },
        into: bytes.subarray(first, last + 1),
      };
      const answer = await this.#retry(() => this.#send(call));
      // An aggregator with many silos answers with a part of the range.
      if (answer.body.length < 1 || answer.body.length > last + 1 - first) {
        throw new ProtocolError("bad_answer", {
          expected: `1 … ${last + 1 - first} bytes`,
          got: `${answer.body.length}`,
        });
      }
      if (named === "") named = String(answer.headers.etag).replaceAll('"', "");
      digest.update(answer.body);
      first += answer.body.length;
    }
    const sha256 = digest.digest("hex");
    if (sha256 !== named) {
      throw new ProtocolError("bad_answer", { expected: `a model of SHA-256 ${named}`, got: sha256 });
    }
    return { vector, sha256 };
  }

  /** Pulls up to `count` bytes of a model, and says how many came: to measure the way. */
  async sample(round: number, count: number): Promise<number> {
    // Not from byte 0: that would count as a pull of the whole model.
    const headers = { range: `bytes=4-${count + 3}` };
    const call: Call = { method: "GET", path: `/v1/rounds/${round}/model`, headers };
    return (await this.#retry(() => this.#send(call))).body.length;
  }

  /**
   * Announces an update and sends what the aggregator does not hold yet, a part of its file at a time; resolves with
   * the receipt.
   * @throws {ProtocolError} `damaged_upload` when it arrives damaged again and again.
   */
  upload(
    start: UpdateStart,
    file: Deno.FsFile,
    onPart: (offset: number) => void | Promise<void> = () => {},
  ): Promise<Receipt> {
    const path = `/v1/rounds/${start.round}/update`;
    const damage = new Damage();
    return this.#retry(async () => {
      let { offset, receipt } = await this.#post(UpdateProgressSchema, path, start);
      damage.from(offset);
      const buffer = new Uint8Array(PART);
      while (receipt === undefined) {
        if (offset >= start.bytes) {
          throw new ProtocolError("bad_answer", { expected: "a receipt", got: "none" });
        }
        const part = buffer.subarray(0, Math.min(PART, start.bytes - offset));
        await readAt(file, offset, part);
        const body = [...encodeFrames(part, { offset })];
        const call: Call = { method: "PUT", path: `${path}?offset=${offset}`, body };
        ({ offset, receipt } = await this.#json(UpdateProgressSchema, call).catch((error) => {
          throw damage.count(error);
        }));
        await onPart(offset);
      }
      return receipt;
    });
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#connection?.[Symbol.dispose]();
  }

  #post<T>(schema: v.GenericSchema<unknown, T>, path: string, message: unknown): Promise<T> {
    const body = [new TextEncoder().encode(JSON.stringify(message))];
    return this.#json(schema, {
      method: "POST",
      path,
      headers: { "content-type": "application/json" },
      body,
    });
  }

  async #json<T>(schema: v.GenericSchema<unknown, T>, call: Call): Promise<T> {
    const { body } = await this.#send(call);
    return parseMessage(schema, body, { what: "the answer", code: "bad_answer" });
  }

  /** One attempt. @throws {ProtocolError} the peer's, or `ConnectionLost`. */
  async #send(call: Call): Promise<Answer> {
    const connection = await this.#connect();
    const sent = Date.now();
    const answer = await connection.send(call);
    this.#compareClocks(answer, sent);
    if (answer.status < 400) {
      this.#failing = null;
      return answer;
    }
    const refusal = ProtocolError.fromBody(
      parseMessage(ErrorBodySchema, answer.body, { what: "the refusal", code: "bad_answer" }),
    );
    if (refusal.code === "certificate_expired") await this.#showRenewed();
    throw refusal;
  }

  /** Ends the connection whose certificate has expired. @throws {ConnectionLost} there is a renewed one to go on with. */
  async #showRenewed(): Promise<void> {
    this.#connection?.[Symbol.dispose]();
    const { cert } = await this.#identity();
    if (cert !== this.#shown?.cert) throw new ConnectionLost("the certificate has expired and was renewed");
  }

  async #identity(): Promise<Identity> {
    const { identity } = this.#options;
    return typeof identity === "function" ? await identity() : identity;
  }

  /** Once: the first answer is the quickest, since a later one may have waited for a change. */
  #compareClocks(answer: Answer, sent: number): void {
    if (this.#ahead !== undefined) return;
    this.#ahead = clockAhead(answer.headers.date, { sent, received: Date.now() });
    const warning = clockWarning(this.#ahead);
    if (warning === null) return;
    this.#options.onEvent({ type: "warning", text: `${warning.problem}; ${warning.remedy}` });
  }

  async #connect(): Promise<Connection> {
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

  async #retry<T>(attempt: () => Promise<T>): Promise<T> {
    const { signal, wait } = this.#options;
    for (let tries = 1;; tries++) {
      signal?.throwIfAborted();
      try {
        return await abortable(attempt(), signal);
      } catch (error) {
        signal?.throwIfAborted();
        if (this.#closed) throw error;
        // What no retry cures: a refusal, or a fault of this program.
        const passing = error instanceof ConnectionLost ||
          (error instanceof ProtocolError && error.retryable);
        if (!passing) throw error;
        this.#failing ??= performance.now();
        if ((performance.now() - this.#failing) / 1000 > wait) {
          throw new ProtocolError("unreachable", {
            expected: `an answer within ${wait} s`,
            got: String((error as Error).message),
            cause: error,
          });
        }
        const code = error instanceof ProtocolError ? error.code : "";
        // An aggregator that is busy with others is there.
        if (code === "slots_taken") this.#failing = null;
        const longest = { disk_full: BACKOFF.full, slots_taken: ASK_AGAIN }[code as string] ?? BACKOFF.last;
        const pause = Math.min(BACKOFF.first * 2 ** (tries - 1), longest) * (0.75 + Math.random() / 2);
        if (code !== "slots_taken") this.#tell(error as Error, tries, pause);
        await sleep(pause, signal);
      }
    }
  }

  #tell(error: Error, attempt: number, wait: number): void {
    const now = performance.now() / 1000;
    const what = error instanceof ProtocolError ? error.code : error.name;
    if (what === this.#told.what && now - this.#told.at < QUIET) return;
    this.#told = { at: now, what };
    this.#options.onEvent({ type: "retry", reason: error.message, attempt, wait });
  }
}

/** Rejects with the signal's reason as soon as it is aborted, whatever the promise does. */
function abortable<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return promise;
  const stop = Promise.withResolvers<never>();
  const abort = () => stop.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  promise.catch(() => {});
  return Promise.race([promise, stop.promise]).finally(() => signal.removeEventListener("abort", abort));
}

/** Waits, or rejects with the signal's reason. */
export function sleep(seconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, seconds * 1000);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
