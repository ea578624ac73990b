/** Keeps the line of `who_is_there.ts` on show: on a terminal it ticks, elsewhere it comes with news and once a minute. */
import type { FedEvent } from "../../fed/protocol/event.ts";
import type { Output, Ticking } from "./output.ts";
import { WhoIsThere } from "./who_is_there.ts";

export class HubLine implements Disposable {
  readonly #output: Pick<Output, "line" | "ticking">;
  readonly #now: () => number;
  readonly #silos = new WhoIsThere();
  #ticking: Ticking | null = null;
  /** What was said of trouble last. */
  #trouble: string | null = null;

  /** @param now seconds of a clock that only rises @default the process's */
  constructor(output: Pick<Output, "line" | "ticking">, now: () => number = () => performance.now() / 1000) {
    this.#output = output;
    this.#now = now;
  }

  /** Takes note of an event whose own line has been printed. */
  take(event: FedEvent): void {
    const news = this.#silos.take(event, this.#now());
    const { trouble } = this.#silos;
    if (trouble !== null && trouble !== this.#trouble) this.#output.line(`warning: ${trouble}`);
    this.#trouble = trouble;
    const text = () => this.#silos.line(this.#now());
    if (text() === null) return this[Symbol.dispose]();
    // Where it is no news, the event's own line has said it.
    if (this.#ticking === null) this.#ticking = this.#output.ticking(() => text() ?? "", { said: !news });
    else if (news) this.#ticking.now();
  }

  [Symbol.dispose](): void {
    this.#ticking?.[Symbol.dispose]();
    this.#ticking = null;
  }
}
