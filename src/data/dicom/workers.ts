/**
 * Threads that decode films, one film each at a time.
 *
 * Why threads: decoding takes the time, and a damaged frame may keep a decoder at work for ever: then its thread ends.
 */

import { DataError } from "../quarantine.ts";
import type { FilmOptions, GreyFilm } from "./film.ts";
import type { Answer, Order } from "./worker.ts";

/** How the threads are made. */
export interface DicomWorkersOptions {
  /** Threads at most. @default the cores of this machine */
  threads?: number;
  /** How long one film may take, s; the largest in JPEG 2000 takes 20. @default 60 */
  seconds?: number;
  /** What a thread runs: it answers an {@linkcode Order} with an {@linkcode Answer}. @default the decoder */
  module?: URL;
}

/** The worker's module: from source beside this one, in a bundle beside the program. */
const MODULE = new URL(
  import.meta.url.endsWith(".ts") ? "./worker.ts" : "./dicom_worker.js",
  import.meta.url,
);

/** A film that waits for a thread, or is at work. */
interface Waiting {
  order: Order;
  taken: PromiseWithResolvers<GreyFilm>;
}

/** Closed with `using`, which ends the threads; films at work then never come. */
export class DicomWorkers implements Disposable {
  readonly #options: Required<DicomWorkersOptions>;
  readonly #waiting: Waiting[] = [];
  readonly #idle: Worker[] = [];
  /** All threads, and the timer of the film that each is at work on. */
  readonly #all = new Map<Worker, ReturnType<typeof setInterval> | undefined>();

  constructor(options: DicomWorkersOptions = {}) {
    const defaults = { threads: navigator.hardwareConcurrency, seconds: 60, module: MODULE };
    this.#options = { ...defaults, ...options };
  }

  /**
   * Decodes a file, whose bytes go to the thread.
   *
   * @throws {DataError} why it is no film, or cannot be read
   * @throws {Error} when a decoder is not there
   */
  decode(file: Uint8Array<ArrayBuffer>, options: FilmOptions = {}): Promise<GreyFilm> {
    const taken = Promise.withResolvers<GreyFilm>();
    this.#waiting.push({ order: { file, ...options }, taken });
    this.#next();
    return taken.promise;
  }

  /** Gives the next film that waits to a thread, if one is free or may be made. */
  #next(): void {
    if (this.#waiting.length === 0) return;
    const worker = this.#idle.pop() ?? (this.#all.size < this.#options.threads ? this.#start() : undefined);
    if (worker !== undefined) this.#give(worker, this.#waiting.shift()!);
  }

  #start(): Worker {
    const worker = new Worker(this.#options.module, { type: "module" });
    this.#all.set(worker, undefined);
    return worker;
  }

  #give(worker: Worker, { order, taken }: Waiting): void {
    const { seconds } = this.#options;
    let left = seconds;
    const failed = (text: string) => {
      this.#end(worker);
      taken.reject(new DataError("truncated", `Cannot decode the image: ${text}`));
      this.#next();
    };
    // In seconds that are counted here: a process that was stopped and goes on has not used them up.
    const timer = setInterval(() => --left > 0 || failed(`it takes more than ${seconds} s`), 1000);
    this.#all.set(worker, timer);
    worker.onerror = (event) => {
      event.preventDefault();
      failed(`its decoder failed: ${event.message}`);
    };
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      clearInterval(timer);
      if ("film" in data) taken.resolve(data.film);
      else if ("refused" in data) taken.reject(new DataError(data.refused.reason, data.refused.message));
      else taken.reject(new Error(data.failed));
      this.#idle.push(worker);
      this.#next();
    };
    worker.postMessage(order, [order.file.buffer]);
  }

  #end(worker: Worker): void {
    worker.terminate();
    clearInterval(this.#all.get(worker));
    this.#all.delete(worker);
  }

  [Symbol.dispose](): void {
    this.#waiting.length = 0;
    for (const worker of this.#all.keys()) this.#end(worker);
  }
}
