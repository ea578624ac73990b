/** Waiting for a run to change, with a deadline by the run's own clock. */

export interface WaitOptions {
  /** As the run counts time. @default Infinity */
  deadline?: number;
  signal?: AbortSignal;
}

/** Wakes whoever waits. */
export class Changes {
  readonly #now: () => number;
  #next = Promise.withResolvers<void>();

  /** @param now the run's clock, seconds */
  constructor(now: () => number) {
    this.#now = now;
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
        const left = deadline - this.#now();
        if (left <= 0) return false;
        const timer = alarm(left);
        await Promise.race([this.#next.promise, stopped.promise, timer.rung]).finally(timer.cancel);
      }
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }
}

/** Resolves `rung` after so many seconds, or earlier: setTimeout counts in a signed 32-bit number of milliseconds. */
function alarm(seconds: number): { rung: Promise<void>; cancel: () => void } {
  const { promise: rung, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, Math.min(Math.ceil(seconds * 1000), 2 ** 31 - 1));
  return { rung, cancel: () => clearTimeout(timer) };
}
