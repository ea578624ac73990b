/** Waiting for a run to change, with a deadline by the run's own clock. */
import type { RunClock } from "../state/run_clock.ts";

export interface WaitOptions {
  /** As the run counts time. @default Infinity */
  deadline?: number;
  signal?: AbortSignal;
}

/** Wakes whoever waits. */
export class Changes {
  readonly #clock: Pick<RunClock, "now" | "alarm">;
  #next = Promise.withResolvers<void>();

  /** @param clock the run's */
  constructor(clock: Pick<RunClock, "now" | "alarm">) {
    this.#clock = clock;
  }

  /** Wakes everyone that waits. */
  notify(): void {
    const { resolve } = this.#next;
    this.#next = Promise.withResolvers();
    resolve();
  }

  /**
   * Waits until `ready()`, asked now and at each change, or the deadline; returns whether it is ready.
   * @throws the signal's reason when aborted.
   */
  async until(ready: () => boolean, options: WaitOptions = {}): Promise<boolean> {
    const { deadline = Infinity, signal } = options;
    const stopped = Promise.withResolvers<void>();
    const stop = () => stopped.resolve();
    signal?.addEventListener("abort", stop);
    try {
      for (;;) {
        signal?.throwIfAborted();
        if (ready()) return true;
        const left = deadline - this.#clock.now();
        if (left <= 0) return false;
        const { promise: rung, resolve: ring } = Promise.withResolvers<void>();
        const cancel = this.#clock.alarm(left, ring);
        await Promise.race([this.#next.promise, stopped.promise, rung]).finally(cancel);
      }
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }
}
