/**
 * A site's mailbox: the one instruction that its SuperNode has to do, and the reply on its way back.
 *
 * A stock SuperNode does one message after another and asks for the next when it has nothing to do. So whoever asks while an
 * instruction is open has lost it, or died over it, and is given the same one again. An instruction's moment is kept, which
 * is the one thing in it that would differ: an aggregator that was killed makes the same message anew, and takes the reply
 * of a node that has worked on meanwhile.
 */
import { type Objects, pack, type Packed, type Said, unpack } from "../codec/content.ts";
import { damaged } from "../codec/damaged.ts";
import type { MESSAGE, Metadata } from "../codec/messages.ts";
import { decodeTree, idsOf, MOST_OBJECTS, objectId } from "../codec/object.ts";
import type { Message } from "../codec/protobuf.ts";
import type { RecordDict } from "../codec/records.ts";
import type { Inside } from "../../wire/guests.ts";
import { cut } from "../refused.ts";
import { FleetRefusal } from "./refusal.ts";

/** Seconds that a node's question for an instruction is kept open; stock nodes give an answer up after 30. */
const PATIENCE = 15;
/** Seconds for which an instruction is good: until the run has gone on without the site, whose end ends it as well. */
const TTL = 30 * 86_400;
/** The link's own id among nodes. */
const LINK = 1n;

/** What a site is asked. */
export interface Asked {
  type: "train" | "evaluate";
  round: number;
  /** Tells it from everything else that the site was ever asked in this run. */
  key: string;
  content: RecordDict;
}

export interface MailboxOptions {
  site: string;
  run: bigint;
  node: bigint;
  /** Most bytes of a reply. */
  most: number;
  memory: Inside["memory"];
  /** @default this machine's clock, seconds since 1970 */
  now?: () => number;
}

interface Open {
  packed: Packed;
  /** Of the reply. */
  objects: Objects;
  /** The reply that was announced last: the message's id, its session, the ids of all that it is made of. */
  upload: { message: string; session: string; ids: Set<string>; bytes: number } | null;
  answer: PromiseWithResolvers<Said>;
}

/** What is kept of the latest instruction. */
interface Kept {
  key: string;
  created: number;
  message: string;
  answered: boolean;
}

/** One site's mailbox. Disposing of it ends whoever waits. */
export class Mailbox implements Disposable {
  readonly #options: MailboxOptions;
  #open: Open | null = null;
  #closed = false;
  #changed = Promise.withResolvers<void>();

  constructor(options: MailboxOptions) {
    this.#options = options;
  }

  /**
   * Asks the site, and waits for its reply as long as the signal lets it; the same question again is the same message,
   * until it was answered.
   * @throws {SyntaxError} for a reply that is none · the signal's reason
   */
  async ask(asked: Asked, signal: AbortSignal): Promise<Said> {
    signal.throwIfAborted();
    const packed = this.#pack(asked);
    const open: Open = { packed, objects: new Map(), upload: null, answer: Promise.withResolvers() };
    const stop = () => open.answer.reject(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    this.#set(open);
    try {
      return await open.answer.promise;
    } finally {
      signal.removeEventListener("abort", stop);
      if (this.#open === open) this.#set(null);
    }
  }

  #set(open: Open | null): void {
    this.#open = open;
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  #pack({ type, round, key, content }: Asked): Packed {
    const { run, node, now = () => Date.now() / 1000 } = this.#options;
    const kept = this.#kept;
    const created = kept?.key === key && !kept.answered ? kept.created : now();
    const packed = pack({
      metadata: {
        ...{ run, message: "", source: LINK, destination: node, replyTo: "", group: String(round) },
        ...{ ttl: TTL, type, created },
      },
      content,
    });
    this.#kept = { key, created, message: packed.tree.id, answered: false };
    return packed;
  }

  get #kept(): Kept | null {
    return this.#options.memory.get(`flower ${this.#options.site}`);
  }

  set #kept(kept: Kept) {
    this.#options.memory.set(`flower ${this.#options.site}`, kept);
  }

  /** The instruction that is open, as soon as there is one; null after a while without. */
  async next(signal: AbortSignal): Promise<Packed | null> {
    if (this.#open !== null) this.#open.upload = null;
    if (this.#open === null && !this.#closed && !signal.aborted) {
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, PATIENCE * 1000);
      signal.addEventListener("abort", () => late.resolve(), { once: true });
      await Promise.race([this.#changed.promise, late.promise]);
      clearTimeout(timer);
    }
    return this.#open?.packed ?? null;
  }

  [Symbol.dispose](): void {
    this.#closed = true;
    this.#set(null);
  }

  /** An object of the open instruction, null where it has no such. */
  object(id: string): Uint8Array | null {
    return this.#open?.packed.objects.get(id) ?? null;
  }

  /**
   * Takes the announcement of a reply; says which of its objects are to come.
   * @throws {FleetRefusal} for a reply to nothing that is asked, `busy` where it will be asked again in a moment
   * @throws {SyntaxError} for a damaged tree
   */
  announce({ metadata }: Message<typeof MESSAGE>, tree: Uint8Array): { wanted: string[]; session: string } {
    const open = this.#expected(metadata);
    const { id, ids } = readTree(tree);
    if (id !== metadata.message) throw damaged("a reply", { expected: "the tree of its message" });
    const session = crypto.getRandomValues(new Uint8Array(16)).toHex();
    for (const known of open.objects.keys()) if (!ids.has(known)) open.objects.delete(known);
    const bytes = [...open.objects.values()].reduce((sum, { length }) => sum + length, 0);
    open.upload = { message: id, session, ids, bytes };
    const wanted = [...ids].filter((one) => !open.objects.has(one));
    if (wanted.length === 0) this.#finish(open);
    return { wanted, session };
  }

  #expected({ run, source, replyTo }: Metadata): Open {
    const { run: own, node } = this.#options;
    if (run !== own) throw new FleetRefusal("over", "a reply of another run");
    if (source !== node) throw new FleetRefusal("over", "a reply in the name of another node");
    const open = this.#open;
    if (open !== null && open.packed.tree.id === replyTo) return open;
    const kept = this.#kept;
    if (kept?.message === replyTo && !kept.answered) {
      throw new FleetRefusal("busy", "the aggregator is not ready for this reply");
    }
    const which = kept?.message === replyTo ? "one that was answered" : "none that is open";
    throw new FleetRefusal("over", `a reply to ${which}`);
  }

  /**
   * Takes an object of the announced reply.
   * @param session as it was told; Flower before 1.33 says none
   * @returns whether it was wanted
   * @throws {SyntaxError} for bytes that are not its own, or too many: the reply is given up
   */
  take({ session, id, content }: { session: string; id: string; content: Uint8Array }): boolean {
    const open = this.#open, upload = open?.upload;
    if (!open || !upload || !upload.ids.has(id) || (session !== "" && session !== upload.session)) {
      return false;
    }
    if (open.objects.has(id)) return true;
    upload.bytes += content.length;
    const error = upload.bytes > this.#options.most
      ? damaged("a reply", { expected: `at most ${this.#options.most} bytes`, got: "more" })
      : objectId(content) === id
      ? null
      : damaged("a reply", { expected: "objects of their SHA-256" });
    if (error !== null) {
      this.#done(() => open.answer.reject(error));
      throw error;
    }
    open.objects.set(id, content.slice());
    if (upload.ids.size === open.objects.size) this.#finish(open);
    return true;
  }

  #finish(open: Open): void {
    this.#done(() => {
      try {
        const said = unpack(open.upload!.message, open.objects, { most: this.#options.most });
        // The message itself came as an object as well; what it says there is what it is known by.
        this.#expected(said.metadata);
        open.answer.resolve(said);
      } catch (error) {
        const cause = error instanceof SyntaxError
          ? error
          : damaged("a reply", { got: cut((error as Error).message), cause: error });
        open.answer.reject(cause);
      }
    });
  }

  /** Ends an instruction: what comes for it from now on is a replay. */
  #done(settle: () => void): void {
    settle();
    this.#kept = { ...this.#kept!, answered: true };
    this.#set(null);
  }
}

function readTree(bytes: Uint8Array): { id: string; ids: Set<string> } {
  const tree = decodeTree(bytes);
  const ids = idsOf(tree);
  if (ids.size <= MOST_OBJECTS) return { id: tree.id, ids };
  throw damaged("a reply", { expected: `at most ${MOST_OBJECTS} objects`, got: cut(String(ids.size)) });
}
