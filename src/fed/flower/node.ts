/**
 * A node of a Flower link: registered or enrolled, alive by heartbeats, asked one instruction after another.
 *
 * A link that is away is tried again for as long as it takes; one that no longer knows the node is joined anew, once.
 */
import { sleep } from "../wire/retry.ts";
import type { OnEvent } from "../protocol/event.ts";
import type { FaultPoint } from "../protocol/fault_point.ts";
import { damaged } from "./codec/damaged.ts";
import type { Objects, Packed } from "./codec/content.ts";
import type { Call, Reply as Answer, Request } from "./codec/messages.ts";
import { decodeTree, encodeTree, idsOf, objectId } from "./codec/object.ts";
import type { Fleet } from "./fleet.ts";
import type { FlowerIdentity } from "./identity.ts";
import type { Instruction, Journal } from "./journal.ts";
import { LinkError } from "./link/link.ts";

/** Seconds between heartbeats, and those that the link is told: it waits twice as long before it gives the node up. */
const HEARTBEAT = { every: 20, told: 300 };
/** Seconds between two looks for an instruction, and between attempts at a link that is away. */
const PAUSE = { look: 1, away: [1, 2, 5, 10, 20] };
/** Objects under way at once. */
const AT_ONCE = 8;

export interface NodeOptions {
  identity: FlowerIdentity;
  journal: Journal;
  onEvent: OnEvent;
  /** Awaited at named moments. @default none */
  faultPoint?: FaultPoint;
  signal?: AbortSignal;
  /** Seconds that the link is told to wait for a heartbeat, from 10 to 1800. @default 300 */
  interval?: number;
}

/** A node that a link knows. Disposing of it stops its heartbeats; `leave` says goodbye. */
export class FlowerNode implements Disposable {
  readonly #fleet: Fleet;
  readonly #options: NodeOptions;
  #id = 0n;
  #joining: Promise<void> | null = null;
  #beat: ReturnType<typeof setInterval> | undefined;

  private constructor(fleet: Fleet, options: NodeOptions) {
    this.#fleet = fleet;
    this.#options = options;
  }

  get id(): bigint {
    return this.#id;
  }

  get #interval(): number {
    return this.#options.interval ?? HEARTBEAT.told;
  }

  /** Makes the link know the node: as the one of its last life where the link still knows that. @throws {LinkError} */
  static async join(fleet: Fleet, options: NodeOptions): Promise<FlowerNode> {
    const node = new FlowerNode(fleet, options);
    await node.#join();
    node.#beat = setInterval(() => {
      // One that fails is followed by another; a link that is gone shows where an answer is awaited.
      fleet.call("SendNodeHeartbeat", { node: { id: node.#id }, interval: node.#interval }).catch(() => {});
    }, HEARTBEAT.every * 1000);
    return node;
  }

  /** Joins; calls that find at once that the link does not know the node join it once. */
  #join(): Promise<void> {
    return this.#joining ??= this.#joinNow().finally(() => this.#joining = null);
  }

  async #joinNow(): Promise<void> {
    const { journal, identity } = this.#options;
    const key = identity.publicKey;
    if (journal.node !== null) {
      const known = await this.#try("SendNodeHeartbeat", {
        node: { id: journal.node },
        interval: this.#interval,
      })
        .then(({ success }) => success, (error) => {
          if (error instanceof LinkError && error.kind === "unknown") return false;
          throw error;
        });
      if (known) {
        this.#id = journal.node;
        return;
      }
    }
    // A key that the link knows already is refused here, and one that its operator must enrol: activation decides.
    await this.#try("RegisterNode", { key }).catch((error) => {
      if (!(error instanceof LinkError)) throw error;
    });
    journal.node = this.#id = await this.#activate(key);
  }

  /** Goes online; a node that is online from its last life has to wait until the link gives that up. */
  async #activate(key: Uint8Array): Promise<bigint> {
    const until = Date.now() + 2000 * this.#interval;
    for (let told = false;; told = true) {
      try {
        return (await this.#try("ActivateNode", { key, interval: this.#interval })).node;
      } catch (error) {
        if (!(error instanceof LinkError && error.kind === "early") || Date.now() > until) throw error;
        const text =
          `${error.message}: the link still holds this node's last life, or its operator must enrol the key in ` +
          "node.pub (flwr supernode register); asking again";
        if (!told) this.#options.onEvent({ type: "warning", text });
        await sleep(5, this.#options.signal);
      }
    }
  }

  /** One call, again while the link is away. */
  async #try<C extends Call>(name: C, request: Request<C>): Promise<Answer<C>> {
    for (let attempt = 0;; attempt++) {
      this.#options.signal?.throwIfAborted();
      try {
        return await this.#fleet.call(name, request, this.#options.signal);
      } catch (error) {
        this.#options.signal?.throwIfAborted();
        if (!(error instanceof LinkError && error.kind === "away")) throw error;
        const pause = PAUSE.away[Math.min(attempt, PAUSE.away.length - 1)];
        if (attempt === 1) this.#options.onEvent({ type: "warning", text: `${error.message}; trying on` });
        await sleep(pause, this.#options.signal);
      }
    }
  }

  /** One call as the node; a link that does not know it is joined anew, once. */
  async #call<C extends Call>(name: C, make: (node: { id: bigint }) => Request<C>): Promise<Answer<C>> {
    try {
      return await this.#try(name, make({ id: this.#id }));
    } catch (error) {
      if (!(error instanceof LinkError && error.kind === "unknown")) throw error;
      await this.#join();
      return await this.#try(name, make({ id: this.#id }));
    }
  }

  /** The next instruction, as soon as there is one. @throws the signal's reason */
  async next(): Promise<Instruction> {
    for (;;) {
      const { messages, trees } = await this.#call("PullMessages", (node) => ({ node }));
      if (messages.length > 0) {
        const instruction = {
          metadata: messages[0].metadata,
          tree: decodeTree(trees[0] ?? new Uint8Array(0)),
        };
        this.#options.journal.begin(instruction);
        return instruction;
      }
      await sleep(PAUSE.look, this.#options.signal);
    }
  }

  /** What the link says of a run's app. */
  async appOf(run: bigint): Promise<Answer<"GetRun">["run"]> {
    return (await this.#call("GetRun", (node) => ({ node, run }))).run;
  }

  /**
   * Every object of an instruction, each checked to have its id, of `most` bytes together.
   * @throws {SyntaxError} for one that the link has not or that is another, and for too many
   */
  async pull(
    { metadata: { run, message }, tree }: Instruction,
    { most }: { most: number },
  ): Promise<Objects> {
    const objects: Objects = new Map();
    let left = most;
    await atOnce([...idsOf(tree)], async (object) => {
      const bytes = await this.#pullObject(run, object);
      left -= bytes.length;
      if (left < 0) throw damaged("a message", { expected: `at most ${most} bytes`, got: "more" });
      objects.set(object, bytes);
    });
    await this.#options.journal.keep("instruction", objects);
    await this.#call("ConfirmMessageReceived", (node) => ({ node, run, message }));
    return objects;
  }

  async #pullObject(run: bigint, object: string): Promise<Uint8Array> {
    for (;;) {
      const { found, available, content } = await this.#call("PullObject", (node) => ({ node, run, object }));
      if (!found) throw damaged("an object of the message", { expected: "it at the link", got: "none" });
      if (available) {
        if (objectId(content) === object) return content;
        throw damaged("an object of the message", { expected: "bytes of its SHA-256" });
      }
      await sleep(PAUSE.look, this.#options.signal);
    }
  }

  /** Sends a reply: again after a kill, with the same bytes, it completes what was begun. */
  async push(
    { message, tree, objects }: Packed,
    { seconds }: { seconds: number },
  ): Promise<void> {
    const { run } = message.metadata;
    const { wanted, session } = await this.#call("PushMessages", (node) => ({
      node,
      messages: [message],
      trees: [encodeTree(tree)],
      runtimes: [seconds],
    }));
    // Links tell nobody that they refuse a reply: they want nothing of it.
    if (wanted.length === 0) {
      const text = "the Flower link asks for nothing of the reply: it has it already, or refuses it";
      this.#options.onEvent({ type: "warning", text });
    }
    await atOnce(wanted, async (object) => {
      const content = objects.get(object);
      if (content === undefined) return;
      await this.#options.faultPoint?.("pushing");
      await this.#call("PushObject", (node) => ({ node, run, object, content, session }));
    });
  }

  /** Says goodbye: the link expects nothing of the node until it is back. */
  async leave(): Promise<void> {
    await this.#fleet.call("DeactivateNode", { node: this.#id }).catch(() => {});
  }

  [Symbol.dispose](): void {
    clearInterval(this.#beat);
  }
}

/** Runs `body` for every item, some at once. */
async function atOnce<T>(items: readonly T[], body: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (const item of left) await body(item);
  }));
}
