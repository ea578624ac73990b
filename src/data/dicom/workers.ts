/**
 * Threads that decode films, one film each at a time.
 *
 * Why threads: decoding takes the time, and a damaged frame may keep a decoder at work for ever: then its thread ends.
 */

import { DataError } from "../quarantine.ts";
import type { GreyFilm } from "./film.ts";
import type { Answer } from "./worker.ts";

/** How long one film may take, ms: many times what the largest takes. */
const MOST_MS = 60_000;

/** The worker's module: from source beside this one, in a bundle beside the program. */
const MODULE = new URL(
  import.meta.url.endsWith(".ts") ? "./worker.ts" : "./dicom_worker.js",
  import.meta.url,
);

/** A film that waits for a thread, or is at work. */
interface Order {
  file: Uint8Array<ArrayBuffer>;
  taken: PromiseWithResolvers<GreyFilm>;
}

/** Closed with `using`, which ends the threads; films at work then never come. */
export class DicomWorkers implements Disposable {
  readonly #most: number;
  readonly #waiting: Order[] = [];
  readonly #idle: Worker[] = [];
  readonly #all = new Set<Worker>();

  /** @param most threads @default the cores of this machine */
  constructor(most: number = navigator.hardwareConcurrency) {
    this.#most = most;
  }

  /**
   * Decodes a file, whose bytes go to the thread.
   *
   * @throws {DataError} why it is no film, or cannot be read
   * @throws {Error} when a decoder is not there
   */
  decode(file: Uint8Array<ArrayBuffer>): Promise<GreyFilm> {
    const taken = Promise.withResolvers<GreyFilm>();
    this.#waiting.push({ file, taken });
    this.#next();
    return taken.promise;
  }

  /** Gives the next film that waits to a thread, if one is free or may be made. */
  #next(): void {
    if (this.#waiting.length === 0) return;
    const worker = this.#idle.pop() ?? (this.#all.size < this.#most ? this.#start() : undefined);
    if (worker !== undefined) this.#give(worker, this.#waiting.shift()!);
  }

  #start(): Worker {
    const worker = new Worker(MODULE, { type: "module" });
    this.#all.add(worker);
    return worker;
  }

  #give(worker: Worker, { file, taken }: Order): void {
    const failed = (text: string) => {
      this.#end(worker);
      taken.reject(new DataError("truncated", `Cannot decode the image: ${text}`));
      this.#next();
    };
    const timer = setTimeout(() => failed(`it takes more than ${MOST_MS / 1000} s`), MOST_MS);
    worker.onerror = (event) => {
      event.preventDefault();
      clearTimeout(timer);
      failed(`its decoder failed: ${event.message}`);
    };
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      clearTimeout(timer);
      if ("film" in data) taken.resolve(data.film);
      else if ("refused" in data) taken.reject(new DataError(data.refused.reason, data.refused.message));
      else taken.reject(new Error(data.failed));
      this.#idle.push(worker);
      this.#next();
    };
    worker.postMessage(file, [file.buffer]);
  }

  #end(worker: Worker): void {
    worker.terminate();
    this.#all.delete(worker);
  }

  [Symbol.dispose](): void {
    for (const worker of this.#all) this.#end(worker);
  }
}
