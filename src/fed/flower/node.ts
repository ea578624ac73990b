/**
 * A node of a Flower link: registered or enrolled, alive by heartbeats, asked one instruction after another.
 *
 * A link that is away is tried again for as long as it takes; one that no longer knows the node is joined anew, once.
 */
import { sleep } from "../wire/retry.ts";
import type { OnEvent } from "../protocol/event.ts";
import type { Call, Reply as Answer, Request } from "./codec/messages.ts";
import { decodeTree, idsOf, MOST_OBJECTS } from "./codec/object.ts";
import type { Fleet } from "./fleet.ts";
import type { FlowerIdentity } from "./identity.ts";
import type { Instruction, Journal } from "./journal.ts";
import { LinkError } from "./link/link.ts";

/** Seconds between heartbeats, and those that the link is told: it waits twice as long before it gives the node up. */
const HEARTBEAT = { every: 20, told: 300 };
/** Seconds between two looks for an instruction, and between attempts at a link that is away. */
const PAUSE = { look: 1, nonsense: 20, away: [1, 2, 5, 10, 20] };
/** Signs of a message's type or group. */
const LONGEST_TEXT = 100;

export interface NodeOptions {
  identity: FlowerIdentity;
  journal: Journal;
  onEvent: OnEvent;
  signal?: AbortSignal;
  /** Seconds to wait for a link that does not let the node go online yet. @default 3600 */
  wait?: number;
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

  /** Makes the link know the node: as the one of its last life where the link still knows that. @throws {LinkError} */
  static async join(fleet: Fleet, options: NodeOptions): Promise<FlowerNode> {
    const node = new FlowerNode(fleet, options);
    await node.#join();
    node.#beat = setInterval(() => {
      // One that fails is followed by another; a link that is gone shows where an answer is awaited.
      fleet.call("SendNodeHeartbeat", { node: { id: node.#id }, interval: HEARTBEAT.told }).catch(() => {});
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
        interval: HEARTBEAT.told,
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
    const until = Date.now() + 1000 * (this.#options.wait ?? 3600);
    for (let told = false;; told = true) {
      try {
        return (await this.#try("ActivateNode", { key, interval: HEARTBEAT.told })).node;
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
  async #try<C extends Call>(
    name: C,
    request: Request<C>,
    signal: AbortSignal | undefined = this.#options.signal,
  ): Promise<Answer<C>> {
    for (let attempt = 0;; attempt++) {
      signal?.throwIfAborted();
      try {
        return await this.#fleet.call(name, request, signal);
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof LinkError && error.kind === "away")) throw error;
        const pause = PAUSE.away[Math.min(attempt, PAUSE.away.length - 1)];
        if (attempt === 1) this.#options.onEvent({ type: "warning", text: `${error.message}; trying on` });
        await sleep(pause, signal);
      }
    }
  }

  /** One call as the node, which the link that does not know it is joined for anew, once. @throws {LinkError} */
  async call<C extends Call>(
    name: C,
    make: (node: { id: bigint }) => Request<C>,
    signal?: AbortSignal,
  ): Promise<Answer<C>> {
    try {
      return await this.#try(name, make({ id: this.#id }), signal);
    } catch (error) {
      if (!(error instanceof LinkError && error.kind === "unknown")) throw error;
      await this.#join();
      return await this.#try(name, make({ id: this.#id }), signal);
    }
  }

  /** The next instruction, as soon as there is one. @throws {LinkError} of kind `unknown` · the signal's reason */
  async next(): Promise<Instruction> {
    for (;;) {
      const instruction = await this.#look().catch((error) => {
        // A link that answers nonsense may answer better later.
        if (!(error instanceof LinkError) || error.kind === "unknown") throw error;
        this.#options.onEvent({ type: "warning", text: `${error.message}; looking again` });
        return undefined;
      });
      if (instruction) {
        await this.#options.journal.begin(instruction);
        return instruction;
      }
      await sleep(instruction === null ? PAUSE.look : PAUSE.nonsense, this.#options.signal);
    }
  }

  /** Looks for an instruction; null for none. */
  async #look(): Promise<Instruction | null> {
    const call = "PullMessages";
    const { messages: [message], trees: [bytes] } = await this.call(call, (node) => ({ node }));
    if (message === undefined) return null;
    const { metadata } = message;
    try {
      const tree = decodeTree(bytes ?? new Uint8Array(0));
      const whole = Number.isFinite(metadata.created) && Number.isFinite(metadata.ttl) &&
        tree.id === metadata.message;
      const short = [metadata.type, metadata.group].every((text) => text.length <= LONGEST_TEXT);
      if (whole && short && idsOf(tree).size <= MOST_OBJECTS) return { metadata, tree };
    } catch (cause) {
      throw new LinkError("bad", { call, detail: (cause as Error).message, cause });
    }
    throw new LinkError("bad", { call, detail: "an instruction with impossible times, texts or objects" });
  }

  /** What the link says of a run's app. */
  async appOf(run: bigint): Promise<Answer<"GetRun">["run"]> {
    return (await this.call("GetRun", (node) => ({ node, run }))).run;
  }

  /** Says goodbye: the link expects nothing of the node until it is back. A link that is silent is not waited for. */
  async leave(): Promise<void> {
    await this.#fleet.call("DeactivateNode", { node: this.#id }, AbortSignal.timeout(5000)).catch(() => {});
  }

  [Symbol.dispose](): void {
    clearInterval(this.#beat);
  }
}
