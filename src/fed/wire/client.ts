/**
 * The aggregator as a silo sees it: each request as a method, tried again (retry.ts) over a connection that is opened
 * again (connection_keeper.ts) until `wait` is over.
 */
import { createHash } from "node:crypto";
import type * as v from "valibot";
import { clockAhead, clockWarning } from "./clock.ts";
import type { Answer, Call } from "./connection.ts";
import { ConnectionKeeper, type KeeperOptions } from "./connection_keeper.ts";
import { Damage } from "./damage.ts";
import { RANGE_LIMIT } from "./exchange.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { encodeFrames } from "../protocol/frame.ts";
import {
  type Decline,
  ErrorBodySchema,
  type Heads,
  type Heartbeat,
  type HeartbeatAnswer,
  HeartbeatAnswerSchema,
  parseMessage,
  type Receipt,
  ReceivedSchema,
  type Registration,
  type Roster,
  RosterSchema,
  type RunView,
  RunViewSchema,
  type Scores,
  type SignedReady,
  type SignedStatement,
  type Statements,
  StatementsSchema,
  UpdateProgressSchema,
  type UpdateStart,
} from "../protocol/messages.ts";
import { Retry, type RetryOptions } from "./retry.ts";
import { Sent } from "./sent.ts";

/** Bytes of an update in one request: seven frames and their headers stay below 8 MiB. */
const PART = 7 << 20;

/** What carries requests to one aggregator. */
export interface Connections extends Disposable {
  /** An open connection. @throws {ConnectionLost} one attempt failed · {ProtocolError} no attempt will do */
  connect(): Promise<{ send(call: Call): Promise<Answer> }>;
  /** Ends the connection whose certificate has expired. */
  showRenewed(): Promise<void>;
}

export interface ClientOptions extends KeeperOptions {
  signal?: AbortSignal;
}

/** Requests to one aggregator, over one connection at a time. */
export class Client implements Disposable {
  readonly #options: RetryOptions;
  readonly #connections: Connections;
  readonly #retry: Retry;
  /** Null for connections within this process: nothing leaves. */
  readonly #sent: Sent | null;
  #ahead: number | null | undefined;

  /** @param connections what carries them @default a ConnectionKeeper */
  constructor(options: ClientOptions | (RetryOptions & { connections: Connections })) {
    this.#options = options;
    this.#connections = "connections" in options ? options.connections : new ConnectionKeeper(options);
    this.#retry = new Retry(options);
    this.#sent = "connections" in options ? null : new Sent(options.onEvent);
  }

  /** Seconds by which the aggregator's clock is ahead of this machine's; null as long as that is not known. */
  get clockAhead(): number | null {
    return this.#ahead ?? null;
  }

  /** The run; with `seen` (see `stageOf`) answered when it differs, or after `wait` seconds. */
  view(options: { seen?: string; wait?: number } = {}): Promise<RunView> {
    const { seen, wait = 20 } = options;
    const query = seen === undefined ? "" : `?seen=${encodeURIComponent(seen)}&wait=${wait}`;
    return this.#retry.run(() => this.#json(RunViewSchema, { method: "GET", path: `/v1/run${query}` }));
  }

  /** One attempt to say that this silo has all it needs of the finished run, whose stage is `seen`. */
  async leave(seen: string): Promise<void> {
    const path = `/v1/run?seen=${encodeURIComponent(seen)}&wait=0`;
    await this.#json(RunViewSchema, { method: "GET", path, timeout: 5 });
  }

  join(registration: Registration): Promise<RunView> {
    return this.#retry.run(() => this.#post(RunViewSchema, "/v1/join", registration));
  }

  /** One attempt to say why this silo does not join. */
  async decline(decline: Decline): Promise<void> {
    await this.#post(ReceivedSchema, "/v1/decline", decline, { timeout: 5 });
  }

  /** Sends scores of `scores.round`; the same again replaces them. */
  async scores(scores: Scores): Promise<void> {
    await this.#retry.run(() => this.#post(ReceivedSchema, `/v1/rounds/${scores.round}/scores`, scores));
  }

  /** Says which key this silo agrees on masks with. */
  async statement(signed: SignedStatement): Promise<void> {
    await this.#retry.run(() => this.#post(ReceivedSchema, "/v1/statement", signed));
  }

  /** What every silo has stated. */
  statements(): Promise<Statements> {
    return this.#retry.run(() => this.#json(StatementsSchema, { method: "GET", path: "/v1/roster" }));
  }

  /** Says that this silo's update for a round is on its disk. */
  async ready(round: number, signed: SignedReady): Promise<void> {
    await this.#retry.run(() => this.#post(ReceivedSchema, `/v1/rounds/${round}/ready`, signed));
  }

  /** The readies that the updates of a round are to be masked for. */
  roster(round: number): Promise<Roster> {
    const path = `/v1/rounds/${round}/roster`;
    return this.#retry.run(() => this.#json(RosterSchema, { method: "GET", path }));
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
      const last = Math.min(first + RANGE_LIMIT, bytes.length) - 1;
      const call: Call = {
        method: "GET",
        path: `/v1/rounds/${round}/model`,
        headers: { range: `bytes=${first}-${last}` },
        into: bytes.subarray(first, last + 1),
      };
      const answer = await this.#retry.run(() => this.#send(call));
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
    return (await this.#retry.run(() => this.#send(call))).body.length;
  }

  /**
   * Announces an update and sends what the aggregator does not hold yet, a part at a time; resolves with the receipt and where the
   * aggregator's log stands.
   * @param read fills a part with the update's bytes from an offset on
   * @throws {ProtocolError} `damaged_upload` when it arrives damaged again and again.
   */
  upload(
    start: UpdateStart,
    read: (offset: number, part: Uint8Array) => void | Promise<void>,
    onPart: (offset: number) => void | Promise<void> = () => {},
  ): Promise<{ receipt: Receipt; heads?: Heads }> {
    const path = `/v1/rounds/${start.round}/update`;
    const damage = new Damage();
    return this.#retry.run(async () => {
      let { offset, receipt, heads } = await this.#post(UpdateProgressSchema, path, start);
      damage.from(offset);
      const buffer = new Uint8Array(PART);
      while (receipt === undefined) {
        if (offset >= start.bytes) {
          throw new ProtocolError("bad_answer", { expected: "a receipt", got: "none" });
        }
        const part = buffer.subarray(0, Math.min(PART, start.bytes - offset));
        await read(offset, part);
        const body = [...encodeFrames(part, { offset })];
        const call: Call = { method: "PUT", path: `${path}?offset=${offset}`, body };
        const leaves = () => this.#sent?.parts(body, start.sha256);
        const sent = this.#json(UpdateProgressSchema, call, leaves);
        ({ offset, receipt, heads } = await sent.catch((error) => {
          throw damage.count(error);
        }));
        await onPart(offset);
      }
      return { receipt, heads };
    });
  }

  [Symbol.dispose](): void {
    this.#sent?.[Symbol.dispose]();
    this.#retry.stop();
    this.#connections[Symbol.dispose]();
  }

  #post<T>(
    schema: v.GenericSchema<unknown, T>,
    path: string,
    message: unknown,
    options: Pick<Call, "timeout"> = {},
  ): Promise<T> {
    const body = [new TextEncoder().encode(JSON.stringify(message))];
    const headers = { "content-type": "application/json" };
    const call: Call = { method: "POST", path, headers, body, ...options };
    return this.#json(schema, call, () => this.#sent?.message(path, body[0]));
  }

  async #json<T>(schema: v.GenericSchema<unknown, T>, call: Call, leaves?: () => void): Promise<T> {
    const { body } = await this.#send(call, leaves);
    return parseMessage(schema, body, { what: "the answer", code: "bad_answer" });
  }

  /** One attempt; `leaves` is called once there is a connection for it. @throws {ProtocolError} the peer's, or `ConnectionLost`. */
  async #send(call: Call, leaves = () => {}): Promise<Answer> {
    const connection = await this.#connections.connect();
    leaves();
    const sent = Date.now();
    const answer = await connection.send(call);
    this.#compareClocks(answer, sent);
    if (answer.status < 400) {
      this.#retry.answered();
      return answer;
    }
    const refusal = ProtocolError.fromBody(
      parseMessage(ErrorBodySchema, answer.body, { what: "the refusal", code: "bad_answer" }),
    );
    if (refusal.code === "certificate_expired") await this.#connections.showRenewed();
    throw refusal;
  }

  /** Once: the first answer is the quickest, since a later one may have waited for a change. */
  #compareClocks(answer: Answer, sent: number): void {
    if (this.#ahead !== undefined) return;
    this.#ahead = clockAhead(answer.headers.date, { sent, received: Date.now() });
    const warning = clockWarning(this.#ahead);
    if (warning === null) return;
    this.#options.onEvent({ type: "warning", text: `${warning.problem}; ${warning.remedy}` });
  }
}
