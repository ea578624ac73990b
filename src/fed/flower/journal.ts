/**
 * What a hospital in a Flower run must not lose: who it is to the link, the instruction that it works on, and the reply
 * that it has begun to send.
 *
 * Why: the link hands out an instruction once. A silo that is killed with it and comes back within the lease of the link
 * still answers, and the round has no failure.
 */
import { writeDurably } from "../../files/durable.ts";
import { readIfThere, removeIfThere } from "../../files/exists.ts";
import { StateFolder } from "../state/folder.ts";
import type { Objects } from "./codec/content.ts";
import type { Metadata } from "./codec/messages.ts";
import { idsOf, objectId, type ObjectTree } from "./codec/object.ts";

/** An instruction as it was pulled. */
export interface Instruction {
  metadata: Metadata;
  tree: ObjectTree;
}

/** A reply that is ready: its message, what it is made of, and the seconds that it took. */
export interface Reply extends Instruction {
  error?: { code: bigint; reason: string };
  seconds: number;
}

/** What of a reply the link wants, and the session in which it takes that; "" where a link has none. */
export interface Sending {
  session: string;
  wanted: string[];
}

/** The latest round that a run had trained, or had a model of scored, and the message that asked for it. */
interface Taken {
  run: bigint;
  round: number;
  message: string;
}

/** Whose state folder it is. */
export const flowerRole = (silo: string) => `silo ${silo} in Flower`;

type Kind = "instruction" | "reply";
const KINDS: readonly Kind[] = ["instruction", "reply"];

/** A state folder of one silo in Flower runs. Disposing of it frees the lock. */
export class Journal implements Disposable {
  readonly #folder: StateFolder;

  private constructor(folder: StateFolder) {
    this.#folder = folder;
  }

  /**
   * Opens the folder for one link: what it holds of another is dropped, but for the key.
   * @throws {ProtocolError} as StateFolder.open
   */
  static async open(dir: string, { silo, link }: { silo: string; link: string }): Promise<Journal> {
    const folder = await StateFolder.open(dir, { role: flowerRole(silo) });
    const journal = new Journal(folder);
    try {
      await folder.sweep({ staged: (name) => name.endsWith(".tmp") });
      const before = folder.get<string>("flower_link");
      if (before !== null && before !== link) {
        await journal.done();
        folder.set("flower_node", null);
      }
      folder.set("flower_link", link);
      return journal;
    } catch (error) {
      folder[Symbol.dispose]();
      throw error;
    }
  }

  get dir(): string {
    return this.#folder.dir;
  }

  /** The node's own private key, PEM; null before it has one. */
  get key(): string | null {
    return this.#folder.get("flower_key");
  }

  set key(pem: string) {
    this.#folder.set("flower_key", pem);
  }

  /** The id that the link gave the node, null before. */
  get node(): bigint | null {
    const id = this.#folder.get<string>("flower_node");
    return id === null ? null : BigInt(id);
  }

  set node(id: bigint) {
    this.#folder.set("flower_node", String(id));
  }

  /**
   * Notes that a message takes a round of a run, which nobody may take again.
   * @returns null where it may, else the latest round that was taken: this one, or a later one.
   */
  take(kind: "train" | "evaluate", asked: Taken): number | null {
    const key = `flower_${kind} ${asked.run}`;
    const before = this.#folder.get<Pick<Taken, "round" | "message">>(key);
    const again = before?.round === asked.round && before.message === asked.message;
    if (before !== null && !again && before.round >= asked.round) return before.round;
    this.#folder.set(key, { round: asked.round, message: asked.message });
    return null;
  }

  get instruction(): Instruction | null {
    return this.#read<Instruction>("instruction");
  }

  /** Notes an instruction, whose objects are still at the link. */
  async begin(instruction: Instruction): Promise<void> {
    // A silo that was killed right after it was done may have left those of the one before.
    await this.#removeObjects();
    this.#folder.transaction(() => {
      this.#write("instruction", instruction);
      this.sending = null;
    });
  }

  get reply(): Reply | null {
    return this.#read<Reply>("reply");
  }

  /** Stores the reply; from now on it is what is sent, whatever happens. */
  async answer(reply: Reply, objects: Objects): Promise<void> {
    await this.keep("reply", objects);
    this.#write("reply", reply);
  }

  /** What the link wants of the reply since it took its message; null before. */
  get sending(): Sending | null {
    return this.#folder.get<Sending>("flower_sending");
  }

  set sending(sending: Sending | null) {
    this.#folder.set("flower_sending", sending);
  }

  /** Nothing is left to do of the instruction. */
  async done(): Promise<void> {
    this.#folder.transaction(() => {
      for (const kind of KINDS) this.#write(kind, null);
      this.sending = null;
    });
    await this.#removeObjects();
  }

  /** Writes the objects of an instruction or of a reply, as one file. */
  async keep(kind: Kind, objects: Objects): Promise<void> {
    const index = JSON.stringify([...objects].map(([id, { length }]) => [id, length]));
    const head = new TextEncoder().encode(`${index}\n`);
    await writeDurably(this.#path(kind), [head, ...objects.values()]);
  }

  /** The objects of the instruction; null where they are still at the link, or what was kept is damaged. */
  instructionObjects(): Promise<Objects | null> {
    return this.#kept("instruction", this.instruction);
  }

  /** The objects of the reply that is ready; null where there is none, or what was kept is damaged. */
  replyObjects(): Promise<Objects | null> {
    return this.#kept("reply", this.reply);
  }

  async #kept(kind: Kind, of: Instruction | null): Promise<Objects | null> {
    const bytes = of === null ? null : await readIfThere(this.#path(kind));
    if (bytes === null) return null;
    const objects = objectsIn(bytes);
    return [...idsOf(of!.tree)].every((id) => objects.has(id)) ? objects : null;
  }

  async #removeObjects(): Promise<void> {
    for (const kind of KINDS) await removeIfThere(this.#path(kind));
  }

  #path(kind: Kind): string {
    return `${this.#folder.dir}/staged/${kind}.bin`;
  }

  /** JSON has no bigint: ids are texts with an n behind. */
  #write(kind: Kind, value: unknown): void {
    const text = JSON.stringify(value, (_, one) => typeof one === "bigint" ? `${one}n` : one);
    this.#folder.set(`flower_${kind}`, text);
  }

  #read<T>(kind: Kind): T | null {
    const text = this.#folder.get<string>(`flower_${kind}`);
    if (text === null) return null;
    return JSON.parse(text, (name, one) => BIGINTS.has(name) ? BigInt(one.slice(0, -1)) : one);
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

/** Fields that are bigint. */
const BIGINTS = new Set(["run", "source", "destination", "sourceTask", "destinationTask", "code"]);

/** The objects of a kept file whose bytes have their ids; none of those that are damaged. */
function objectsIn(bytes: Uint8Array): Objects {
  const end = bytes.indexOf(10);
  const objects: Objects = new Map();
  let at = end + 1;
  for (const [id, length] of indexIn(bytes.subarray(0, Math.max(0, end)))) {
    const object = bytes.subarray(at, at += length);
    if (objectId(object) === id) objects.set(id, object);
  }
  return objects;
}

function indexIn(bytes: Uint8Array): [id: string, length: number][] {
  try {
    const index: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return Array.isArray(index) ? index.filter((one) => Array.isArray(one) && one[1] >= 0) : [];
  } catch {
    return [];
  }
}
