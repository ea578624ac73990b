/**
 * What a hospital in a Flower run must not lose: who it is to the link, the instruction that it works on, and the reply
 * that it has begun to send.
 *
 * Why: the link hands out an instruction once. A silo that is killed with it and comes back within the lease of the link
 * still answers, and the round has no failure.
 */
import { exists } from "../../files/exists.ts";
import { writeDurably } from "../../files/durable.ts";
import { StateFolder } from "../state/folder.ts";
import type { Objects } from "./codec/content.ts";
import type { Metadata } from "./codec/messages.ts";
import { damaged } from "./codec/damaged.ts";
import type { ObjectTree } from "./codec/object.ts";

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

/** Whose state folder it is. */
export const flowerRole = (silo: string) => `silo ${silo} in Flower`;

type Kind = "instruction" | "reply";

/** Rounds whose scoring is remembered. */
const REMEMBERED = 1000;

/** A state folder of one silo in Flower runs. Disposing of it frees the lock. */
export class Journal implements Disposable {
  readonly #folder: StateFolder;

  private constructor(folder: StateFolder) {
    this.#folder = folder;
  }

  /** @throws {ProtocolError} as StateFolder.open */
  static async open(dir: string, { silo }: { silo: string }): Promise<Journal> {
    return new Journal(await StateFolder.open(dir, { role: flowerRole(silo) }));
  }

  get dir(): string {
    return this.#folder.dir;
  }

  /** The node's private key, PEM; null before it has one. */
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
   * Notes that a message had the model of a round scored.
   * @returns whether it may: no other message of that round did before.
   */
  scores(message: string, round: string): boolean {
    const scored = this.#folder.get<[round: string, message: string][]>("flower_scored") ?? [];
    const before = scored.find(([one]) => one === round);
    if (before !== undefined) return before[1] === message;
    this.#folder.set("flower_scored", [...scored, [round, message]].slice(-REMEMBERED));
    return true;
  }

  get instruction(): Instruction | null {
    return this.#read<Instruction>("instruction");
  }

  /** Notes an instruction, whose objects are still at the link. */
  begin(instruction: Instruction): void {
    this.#write("instruction", instruction);
  }

  get reply(): Reply | null {
    return this.#read<Reply>("reply");
  }

  /** Stores the reply; from now on it is what is sent, whatever happens. */
  async answer(reply: Reply, objects: Objects): Promise<void> {
    await this.keep("reply", objects);
    this.#write("reply", reply);
  }

  /** Nothing is left to do of the instruction. */
  async done(): Promise<void> {
    this.#folder.transaction(() => {
      for (const kind of ["instruction", "reply"] as const) this.#write(kind, null);
    });
    for (const kind of ["instruction", "reply"] as const) {
      if (await exists(this.#path(kind))) await Deno.remove(this.#path(kind));
    }
  }

  /** Writes the objects of an instruction or of a reply, as one file. */
  async keep(kind: Kind, objects: Objects): Promise<void> {
    const index = JSON.stringify([...objects].map(([id, { length }]) => [id, length]));
    const head = new TextEncoder().encode(`${index}\n`);
    await writeDurably(this.#path(kind), [head, ...objects.values()]);
  }

  /** The objects that were kept, null for none. What they are made of is checked where they are read. */
  async kept(kind: Kind): Promise<Objects | null> {
    if (!await exists(this.#path(kind))) return null;
    const bytes = await Deno.readFile(this.#path(kind));
    const end = bytes.indexOf(10);
    const index: [string, number][] = JSON.parse(new TextDecoder().decode(bytes.subarray(0, end)));
    let at = end + 1;
    const objects: Objects = new Map(
      index.map(([id, length]) => [id, bytes.subarray(at, at += length)]),
    );
    if (at === bytes.length) return objects;
    throw damaged(`${this.#path(kind)}`, { expected: `${at} bytes`, got: `${bytes.length}` });
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
