import type { FedEvent } from "../../src/fed/protocol/event.ts";
import type { Clock } from "../../src/fed/state/run_clock.ts";

/** A clock that stands still until a test lets time pass: before that nobody is late or lost, however slow the machine. */
export class StillClock implements Clock {
  /** Seconds since 1970. */
  #now = 1_700_000_000;
  readonly #alarms = new Set<{ at: number; ring: () => void }>();
  readonly wall = () => this.#now;
  readonly monotonic = () => this.#now;

  alarm(seconds: number, ring: () => void): () => void {
    const alarm = { at: this.#now + seconds, ring };
    this.#alarms.add(alarm);
    return () => void this.#alarms.delete(alarm);
  }

  pass(seconds: number): void {
    this.#now += seconds;
    const due = [...this.#alarms].filter(({ at }) => at <= this.#now);
    for (const alarm of due) if (this.#alarms.delete(alarm)) alarm.ring();
  }
}

/** One under which a round takes a minute, and nothing else takes time; it is to hear what the aggregator tells. */
export class MinuteClock extends StillClock {
  hear({ type }: FedEvent): void {
    if (type === "folded") this.pass(60);
  }
}
