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
/** Seconds after which a host without an address is taken for a wrong name, where it was never reached. */
const UNKNOWN_HOST = 60;

export interface RetryOptions {
  /** Seconds without a good answer after which it gives up. */
  wait: number;
  onEvent: OnEvent;
  signal?: AbortSignal;
  /** Seconds of a clock that only rises. @default the process's */
  now?: () => number;
  /** Waits some seconds. @default a timer */
  pause?: typeof sleep;
}

/** The attempts of one client: its requests share how long they have failed, and what was said of it. */
export class Retry {
  readonly #options: Required<Omit<RetryOptions, "signal">> & Pick<RetryOptions, "signal">;
  /** When requests began to fail in a row, and when the host had no address for the first time in a row; null for not. */
  #failing: number | null = null;
  #unknown: number | null = null;
  /** Whether anything was ever answered. A process that was stopped begins anew. */
  #reached = false;
  /** Requests that have failed and are tried again. */
  readonly #waiting = new Set<symbol>();
  /** When a `retry` event was last given, seconds, and for what. */
  #told = { at: -Infinity, what: "" };
  #stopped = false;

  constructor(options: RetryOptions) {
    this.#options = { now: () => performance.now() / 1000, pause: sleep, ...options };
  }

  /** Notes a good answer: `wait` begins anew. */
  answered(): void {
    this.#reached = true;
    this.#failing = null;
    this.#unknown = null;
  }

  /** Lets the attempts under way be the last. */
  stop(): void {
    this.#stopped = true;
  }

  /** @throws {ProtocolError} what no attempt cures, and `unreachable` after `wait` · the signal's reason */
  async run<T>(attempt: () => Promise<T>): Promise<T> {
    const { signal, pause } = this.#options;
    const request = Symbol();
    try {
      for (let tries = 1;; tries++) {
        signal?.throwIfAborted();
        try {
          const answer = await abortable(attempt(), signal);
          this.#tellReached(request);
          return answer;
        } catch (error) {
          signal?.throwIfAborted();
          if (this.#stopped || !mayPass(error)) throw error;
          const left = this.#giveUpAfterWait(error);
          const code = error instanceof ProtocolError ? error.code : "";
          const seconds = pauseAfter(code, tries);
          // An aggregator that is busy with others is there.
          if (code === "slots_taken") this.#failing = null;
          else this.#tell(error, { request, attempt: tries, wait: seconds, left });
          await pause(seconds, signal);
        }
      }
    } finally {
      this.#waiting.delete(request);
    }
  }

  /** Seconds until it gives up. @throws {ProtocolError} `unreachable`: it does now. */
  #giveUpAfterWait(error: Error): number {
    const { wait } = this.#options;
    const now = this.#options.now();
    const unknown = error instanceof ConnectionLost && error.unknownHost !== null && !this.#reached;
    this.#failing ??= now;
    this.#unknown = unknown ? this.#unknown ?? now : null;
    const left = this.#unknown === null
      ? this.#failing + wait - now
      : this.#unknown + Math.min(UNKNOWN_HOST, wait) - now;
    if (left >= 0) return left;
    if (unknown) {
      throw new ProtocolError("unreachable", {
        expected: `a host that this machine finds, within ${Math.min(UNKNOWN_HOST, wait)} s`,
        got: error.message,
        remedy: "check the host's name in --server, this machine's DNS, or /etc/hosts",
        cause: error,
      });
    }
    const expected = `an answer within ${wait} s`;
    if (!(error instanceof ProtocolError)) {
      throw new ProtocolError("unreachable", { expected, got: error.message, cause: error });
    }
    // What it answered has a remedy of its own, and that is the one that helps.
    const { remedy } = error;
    const said = sentence({ what: error.what, expected: error.expected, got: error.got });
    throw new ProtocolError("unreachable", { expected, got: said, remedy, cause: error });
  }

  #tell(
    error: Error,
    { request, ...times }: { request: symbol; attempt: number; wait: number; left: number },
  ): void {
    this.#waiting.add(request);
    const now = this.#options.now();
    const what = error instanceof ProtocolError ? error.code : error.message.replaceAll(/\d+/g, "");
    if (what === this.#told.what && now - this.#told.at < QUIET) return;
    this.#told = { at: now, what };
    this.#options.onEvent({ type: "retry", reason: error.message, ...times });
  }

  /** Once the last request that was tried again is answered: what fails after that is told anew. */
  #tellReached(request: symbol): void {
    if (!this.#waiting.delete(request) || this.#waiting.size > 0) return;
    this.#told = { at: -Infinity, what: "" };
    this.#options.onEvent({ type: "reached" });
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
