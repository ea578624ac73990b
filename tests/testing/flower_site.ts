/**
 * A SuperNode within the test, at the Fleet API that an aggregator serves: it makes the same calls as a stock one, and does what
 * it is asked with a trainer that draws its deltas.
 */
import { type Objects, pack, type Packed, type Said, unpack } from "../../src/fed/flower/codec/content.ts";
import type { Call, Reply, Request } from "../../src/fed/flower/codec/messages.ts";
import { decodeTree, encodeTree, idsOf } from "../../src/fed/flower/codec/object.ts";
import type { RecordDict, RecordValue } from "../../src/fed/flower/codec/records.ts";
import { Fleet } from "../../src/fed/flower/fleet.ts";
import { enrol } from "../../src/fed/flower/hub/enrolment.ts";
import { FlowerIdentity } from "../../src/fed/flower/identity.ts";
import { readModel } from "../../src/fed/flower/weights.ts";
import { sleep } from "../../src/fed/wire/retry.ts";
import { FakeTrainer, FULL } from "./fake_trainer.ts";
import { arraysOf, modelArrays, valuesOf } from "./flower_life.ts";

/** Films that a site trains on, as many as the trainer has. */
export const TRAIN = 96;

/** Where a site calls, and whose it is. */
export interface SiteOptions {
  name: string;
  port: number;
  transport: "http" | "grpc";
  /** PEM of the authority. */
  ca: string;
  identity: FlowerIdentity;
}

/** A new key, enrolled under a name. */
export async function enrolNew(tls: string, name: string): Promise<FlowerIdentity> {
  const pem = FlowerIdentity.generate();
  const identity = new FlowerIdentity(pem);
  await enrol(tls, { name, publicKey: identity.sshLine, train: TRAIN, positives: TRAIN / 2 });
  return identity;
}

/** An instruction as the node got it. */
export interface Instruction extends Said {
  id: string;
}

/** One node. Disposing of it closes its connections without a goodbye. */
export class FlowerSite implements Disposable {
  readonly fleet: Fleet;
  readonly node: bigint;
  readonly #closed = new AbortController();

  private constructor(fleet: Fleet, node: bigint) {
    this.fleet = fleet;
    this.node = node;
  }

  /** Calls until the aggregator answers. */
  static async open({ port, transport, ca, identity }: SiteOptions): Promise<FlowerSite> {
    const server = new URL(`https://127.0.0.1:${port}`);
    for (let left = 100;; left--) {
      let fleet: Fleet | undefined;
      try {
        fleet = await Fleet.open(server, { transport, ca, identity });
        const { node } = await fleet.call("ActivateNode", { key: identity.publicKey, interval: 30 });
        return new FlowerSite(fleet, node);
      } catch (error) {
        fleet?.[Symbol.dispose]();
        if (left === 0) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  /** One call, again while the aggregator is away or busy, as stock nodes do. */
  async call<C extends Call>(name: C, request: Request<C>): Promise<Reply<C>> {
    for (let left = 100;; left--) {
      try {
        return await this.fleet.call(name, request, this.#closed.signal);
      } catch (error) {
        if ((error as { kind?: string }).kind !== "away" || left === 0) throw error;
        await sleep(.1, this.#closed.signal);
      }
    }
  }

  get #node(): { id: bigint } {
    return { id: this.node };
  }

  /** The next instruction: with all its objects where it is to train, without content where it is to evaluate. */
  async next(): Promise<Instruction> {
    for (;;) {
      const { messages: [message], trees: [bytes] } = await this.call("PullMessages", { node: this.#node });
      if (message === undefined) continue;
      const { metadata } = message;
      const { run, message: id } = metadata;
      if (metadata.type === "evaluate") return { metadata, id };
      const objects: Objects = new Map();
      let lost = false;
      await someAtOnce([...idsOf(decodeTree(bytes))], async (object) => {
        const { found, content } = await this.call("PullObject", { node: this.#node, run, object });
        objects.set(object, content);
        lost ||= !found;
      });
      // As where the aggregator was killed meanwhile: stock nodes give such a message up and ask again.
      if (lost) continue;
      await this.call("ConfirmMessageReceived", { node: this.#node, run, message: id });
      return { ...unpack(id, objects, { most: 1 << 28 }), id };
    }
  }

  /** A reply as its objects. */
  pack({ metadata, id }: Instruction, said: Pick<Said, "content" | "error">): Packed {
    const { source, destination } = metadata;
    const own = { source: destination, destination: source, replyTo: id, created: Date.now() / 1000 };
    return pack({ metadata: { ...metadata, message: "", ttl: 3600, ...own }, ...said });
  }

  /** Sends a reply's announcement; says which objects are wanted. */
  announce({ message, tree }: Packed): Promise<Reply<"PushMessages">> {
    const trees = [encodeTree(tree)];
    return this.call("PushMessages", { node: this.#node, messages: [message], trees, runtimes: [1] });
  }

  /** Sends a whole reply. */
  async push(packed: Packed): Promise<void> {
    const { wanted, session } = await this.announce(packed);
    const { run } = packed.message.metadata;
    await someAtOnce(wanted, async (object) => {
      const content = packed.objects.get(object)!;
      await this.call("PushObject", { node: this.#node, run, object, content, session });
    });
  }

  async leave(): Promise<void> {
    await this.call("DeactivateNode", { node: this.node });
  }

  [Symbol.dispose](): void {
    if (this.#closed.signal.aborted) return;
    this.#closed.abort();
    this.fleet[Symbol.dispose]();
  }
}

async function someAtOnce<T>(items: readonly T[], body: (item: T) => Promise<void>): Promise<void> {
  const left = items.values();
  await Promise.all(Array.from({ length: 8 }, async () => {
    for (const item of left) await body(item);
  }));
}

/** What a site says to an instruction: trained as the silo of that number, scored with figures that are always the same. */
export async function answered(
  { metadata, content }: Instruction,
  { silo, number, seed }: { silo: string; number: number; seed: number },
): Promise<RecordDict> {
  const metrics = (values: Record<string, RecordValue>): RecordDict =>
    new Map([["metrics", { type: "MetricRecord", values: new Map(Object.entries(values)) }]]);
  if (metadata.type === "evaluate") {
    return metrics({ "num-examples": 40n, positives: 20n, auroc: .75, loss: .5 });
  }
  const { vector } = readModel(arraysOf(content!.get("arrays")), { network: "efficientnet_b0" });
  const config = valuesOf(content!.get("config"));
  using trainer = new FakeTrainer({ layout: FULL, silo });
  const recipe = JSON.parse(String(config.recipe));
  await trainer.configure({ recipe, classWeights: [1, 1], seed, silo: number });
  await trainer.load(vector);
  const steps = Number(config.steps);
  const firstStep = (Number(config["server-round"]) - 1) * steps;
  const trained = await trainer.train({ firstStep, steps, p0: 0, p1: 1 });
  return new Map([
    ["arrays", { type: "ArrayRecord", arrays: modelArrays(trained.vector) }],
    ...metrics({ "num-examples": BigInt(TRAIN) }),
  ]);
}
