/**
 * Tries a request again until it is answered or `wait` is over.
 *
 * Why none of the packages that retry: they count attempts, and here many requests share one time without an answer.
 * What is tried again comes from one table (protocol/failures.ts) and one rule: a connection that breaks may come back, a
 * refusal does not.
 */
import { ProtocolError } from "../protocol/errors.ts";
import type { OnEvent } from "../protocol/event.ts";
import { sentence } from "../../refusal.ts";
import { ConnectionLost } from "./connection.ts";
import { ASK_AGAIN } from "./slots.ts";

/**
 * Seconds between attempts: doubled from the first to the last, with jitter. A full disk stays full for minutes, and
 * every attempt sends it up to a part.
 */
const BACKOFF = { first: 0.1, last: 5, full: 60 };
/** Seconds between two `retry` events for the same kind of reason. */
const QUIET = 60;

/** The attempts of one client: its requests share how long they have failed, and what was said of it. */
export class Retry {
  readonly #options: { wait: number; onEvent: OnEvent; signal?: AbortSignal };
  /** When requests began to fail in a row; null after a good answer. A process that was stopped begins anew. */
  #failing: number | null = null;
  /** When a `retry` event was last given, seconds, and for what. */
  #told = { at: -Infinity, what: "" };
  #stopped = false;

  /** @param options.wait seconds without a good answer after which it gives up */
  constructor(options: { wait: number; onEvent: OnEvent; signal?: AbortSignal }) {
    this.#options = options;
  }

  /** Notes a good answer: `wait` begins anew. */
  answered(): void {
    this.#failing = null;
  }

  /** Lets the attempts under way be the last. */
  stop(): void {
    this.#stopped = true;
  }

  /** @throws {ProtocolError} what no attempt cures, and `unreachable` after `wait` · the signal's reason */
  async run<T>(attempt: () => Promise<T>): Promise<T> {
    const { signal } = this.#options;
    for (let tries = 1;; tries++) {
      signal?.throwIfAborted();
      try {
        return await abortable(attempt(), signal);
      } catch (error) {
        signal?.throwIfAborted();
        if (this.#stopped || !mayPass(error)) throw error;
        this.#giveUpAfterWait(error);
        const code = error instanceof ProtocolError ? error.code : "";
        const pause = pauseAfter(code, tries);
        // An aggregator that is busy with others is there.
        if (code === "slots_taken") this.#failing = null;
        else this.#tell(error, tries, pause);
        await sleep(pause, signal);
      }
    }
  }

  #giveUpAfterWait(error: Error): void {
    const { wait } = this.#options;
    this.#failing ??= performance.now();
    if ((performance.now() - this.#failing) / 1000 <= wait) return;
    const expected = `an answer within ${wait} s`;
    // What it answered has a remedy of its own, and that is the one that helps.
    if (error instanceof ProtocolError) {
      const { what, expected: wanted, got, remedy } = error;
      const said = sentence({ what, expected: wanted, got });
      throw new ProtocolError("unreachable", { expected, got: said, remedy, cause: error });
    }
    throw new ProtocolError("unreachable", { expected, got: error.message, cause: error });
  }

  #tell(error: Error, attempt: number, wait: number): void {
    const now = performance.now() / 1000;
    const what = error instanceof ProtocolError ? error.code : error.name;
    if (what === this.#told.what && now - this.#told.at < QUIET) return;
    this.#told = { at: now, what };
    this.#options.onEvent({ type: "retry", reason: error.message, attempt, wait });
  }
}

/** Whether another attempt may do better: not after a refusal, nor after a fault of this program. */
function mayPass(error: unknown): error is ConnectionLost | ProtocolError {
  return error instanceof ConnectionLost || (error instanceof ProtocolError && error.retryable);
}

/** Seconds until the next attempt. */
function pauseAfter(code: string, tries: number): number {
  const longest = { disk_full: BACKOFF.full, slots_taken: ASK_AGAIN }[code] ?? BACKOFF.last;
  return Math.min(BACKOFF.first * 2 ** (tries - 1), longest) * (0.75 + Math.random() / 2);
}

/** Rejects with the signal's reason as soon as it is aborted, whatever the promise does. */
function abortable<T>(promise: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (signal === undefined) return promise;
  const stop = Promise.withResolvers<never>();
  const abort = () => stop.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  promise.catch(() => {});
  return Promise.race([promise, stop.promise]).finally(() => signal.removeEventListener("abort", abort));
}

/** Waits, or rejects with the signal's reason. */
export function sleep(seconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, seconds * 1000);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
