/** A run's time that no machine's speed touches. */
import type { FedEvent } from "../../src/fed/protocol/event.ts";
import { type Clock, MACHINE } from "../../src/fed/state/run_clock.ts";

/** When a run begins: any moment, seconds since 1970. */
const START = 1_700_000_000;

/** Every round takes a second; from some event on time passes by itself. */
export class RoundClock implements Clock {
  readonly #from: FedEvent["type"];
  #rounds = 0;
  #since: number | null = null;
  readonly wall = () => this.monotonic();
  readonly alarm = MACHINE.alarm;
  readonly monotonic = () =>
    START + this.#rounds + (this.#since === null ? 0 : MACHINE.monotonic() - this.#since);

  /** @param from what the aggregator tells when time begins to pass by itself @default the closing phase */
  constructor(from: FedEvent["type"] = "closing") {
    this.#from = from;
  }

  /** To be told what the aggregator tells. */
  hear({ type }: FedEvent): void {
    if (type === "committed") this.#rounds++;
    if (type === this.#from) this.#since ??= MACHINE.monotonic();
  }
}
