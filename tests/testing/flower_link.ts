/**
 * A Flower link within the test: what a stock SuperLink does with a node's calls, without Python, processes or a network.
 *
 * It hands an instruction out once, knows its nodes by their keys, and keeps objects until their message is confirmed.
 */
import { type Objects, pack, type Said, unpack } from "../../src/fed/flower/codec/content.ts";
import {
  type Call,
  FLEET,
  type Metadata,
  type Reply,
  type Request,
} from "../../src/fed/flower/codec/messages.ts";
import { decodeTree, encodeTree, idsOf } from "../../src/fed/flower/codec/object.ts";
import { decode, encode, type Message, type Table } from "../../src/fed/flower/codec/protobuf.ts";
import type { RecordDict } from "../../src/fed/flower/codec/records.ts";
import { type FailureKind, type Link, LinkError } from "../../src/fed/flower/link/link.ts";

/** The app that every run of the link has. */
export const APP = { app: "fedx/test", hash: "ab".repeat(32) };
const RUN = 7n;
const MOST = 1 << 28;

/** What a test sees of a message that went through. */
export interface Replied {
  metadata: Metadata;
  content?: RecordDict;
  error?: Said["error"];
}

/** One link; `calls` are those that it was asked, in order. */
export class FlowerLink implements Link {
  readonly name = "http";
  readonly calls: Call[] = [];
  readonly replies: Replied[] = [];
  /** Answers with a failure in place of a call's answer; null lets it through. */
  fail: (call: Call) => FailureKind | null = () => null;
  /** Objects to push that it takes and forgets, as where a session was dropped. */
  forgets = 0;
  /** Whether its app asks for a reply as soon as the message is there: no second message is taken then. */
  impatient = false;
  readonly #nodes = new Map<string, bigint>();
  readonly #online = new Set<bigint>();
  readonly #waiting: ReturnType<typeof pack>[] = [];
  readonly #objects: Objects = new Map();
  readonly #pushed = new Map<string, ReturnType<typeof idsOf>>();
  readonly #taken = new Set<string>();
  #asked = 0;

  /** Puts an instruction up for the first node. */
  ask(type: string, content: RecordDict, metadata: Partial<Metadata> = {}): void {
    const packed = pack({
      metadata: {
        ...{ run: RUN, message: "", source: 1n, destination: 11n, replyTo: "", group: String(++this.#asked) },
        ...{ ttl: 3600, type, created: Date.now() / 1000, ...metadata },
      },
      content,
    });
    for (const [id, bytes] of packed.objects) this.#objects.set(id, bytes);
    this.#waiting.push(packed);
  }

  send(call: Call, body: Uint8Array): Promise<Uint8Array> {
    this.calls.push(call);
    const failure = this.fail(call);
    if (failure !== null) return Promise.reject(new LinkError(failure, { call, detail: "a test" }));
    const [request, reply]: readonly [Table, Table] = FLEET[call];
    try {
      const handler = this[call as keyof this] as unknown as (asked: unknown) => unknown;
      return Promise.resolve(encode(reply, handler.call(this, decode(request, body)) as Message<Table>));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  RegisterNode({ key }: Request<"RegisterNode">): Reply<"RegisterNode"> {
    const name = new TextDecoder().decode(key);
    if (this.#nodes.has(name)) throw new LinkError("bad", { call: "RegisterNode", detail: "a known key" });
    this.#nodes.set(name, 11n + BigInt(this.#nodes.size));
    return { node: this.#nodes.get(name)! };
  }

  ActivateNode({ key }: Request<"ActivateNode">): Reply<"ActivateNode"> {
    const node = this.#nodes.get(new TextDecoder().decode(key));
    if (node === undefined) throw new LinkError("early", { call: "ActivateNode", detail: "an unknown key" });
    this.#online.add(node);
    return { node };
  }

  DeactivateNode({ node }: Request<"DeactivateNode">): Reply<"DeactivateNode"> {
    this.#online.delete(node);
    return {};
  }

  SendNodeHeartbeat({ node }: Request<"SendNodeHeartbeat">): Reply<"SendNodeHeartbeat"> {
    return { success: this.#online.has(node.id) };
  }

  PullMessages(_: Request<"PullMessages">): Reply<"PullMessages"> {
    const next = this.#waiting.shift();
    return next === undefined
      ? { messages: [], trees: [] }
      : { messages: [next.message], trees: [encodeTree(next.tree)] };
  }

  GetRun({ run }: Request<"GetRun">): Reply<"GetRun"> {
    const status = { status: "running" };
    return { run: { id: run, version: "1.0.0", ...APP, status, federation: "@none/default" } };
  }

  PullObject({ object }: Request<"PullObject">): Reply<"PullObject"> {
    const content = this.#objects.get(object);
    return { found: content !== undefined, available: true, content: content ?? new Uint8Array(0) };
  }

  ConfirmMessageReceived(_: Request<"ConfirmMessageReceived">): Reply<"ConfirmMessageReceived"> {
    return {};
  }

  PushMessages({ messages: [message], trees }: Request<"PushMessages">): Reply<"PushMessages"> {
    const { message: id } = message.metadata;
    if (this.impatient && this.#taken.has(id)) return { results: [], wanted: [], session: "none" };
    this.#taken.add(id);
    const ids = idsOf(decodeTree(trees[0]));
    this.#pushed.set(message.metadata.message, ids);
    const wanted = [...ids].filter((id) => !this.#objects.has(id));
    return { results: [], wanted, session: "s" };
  }

  PushObject({ object, content, session }: Request<"PushObject">): Reply<"PushObject"> {
    if (this.forgets-- > 0 || session !== "s" || this.#objects.has(object)) return { stored: false };
    this.#objects.set(object, content.slice());
    for (const [message, ids] of this.#pushed) {
      if (![...ids].every((id) => this.#objects.has(id))) continue;
      this.#pushed.delete(message);
      this.replies.push(unpack(message, this.#objects, { most: MOST }));
    }
    return { stored: true };
  }

  [Symbol.dispose](): void {}
}
