/** Bodies of calls, in bounded memory and time. */
import { joinChunks } from "../../wire/exchange.ts";
import { FleetRefusal } from "./refusal.ts";

/** Bytes of the longest body: an object of 20 MiB, which a node may be told to make, a tree of objects, and all others. */
const LONGEST: Record<string, number> = { PushObject: 24 << 20, PushMessages: 4 << 20 };
const OTHERS = 64 << 10;
/** Most bytes of bodies of one site that are on their way or being answered. */
const MOST = 96 << 20;
/** Seconds for a body: an object of 5 MiB over a line of 100 kbit/s. */
const SECONDS = 600;

/** The bodies of one site's calls. */
export class Bodies {
  #held = 0;

  /**
   * Reads a call's body and hands it on.
   * @throws {FleetRefusal} `large`; `busy` for one that breaks off or does not end, or while too many are on their way
   */
  async read<T>(
    name: string,
    chunks: AsyncIterable<Uint8Array>,
    answer: (body: Uint8Array) => Promise<T>,
  ): Promise<T> {
    const taken: Uint8Array[] = [];
    const own = { length: 0 };
    try {
      await this.#all(name, chunks, { taken, own });
      return await answer(taken.length === 1 ? taken[0] : joinChunks(taken));
    } finally {
      this.#held -= own.length;
    }
  }

  async #all(
    name: string,
    chunks: AsyncIterable<Uint8Array>,
    { taken, own }: { taken: Uint8Array[]; own: { length: number } },
  ): Promise<void> {
    const longest = Object.hasOwn(LONGEST, name) ? LONGEST[name] : OTHERS;
    const until = performance.now() + SECONDS * 1000;
    try {
      for await (const chunk of chunks) {
        own.length += chunk.length;
        this.#held += chunk.length;
        if (own.length > longest) throw new FleetRefusal("large", `a call of more than ${longest} bytes`);
        if (this.#held > MOST) throw new FleetRefusal("busy", "too many calls at once");
        if (performance.now() > until) throw new FleetRefusal("busy", `a call of more than ${SECONDS} s`);
        taken.push(chunk);
      }
    } catch (cause) {
      throw cause instanceof FleetRefusal
        ? cause
        : new FleetRefusal("busy", "a call that broke off", { cause });
    }
  }
}
