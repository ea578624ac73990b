/** Which silos hold the finished run's model: until all who are there do, the aggregator stays up, after a restart too. */
import type { StateFolder } from "../state/folder.ts";

export class Served {
  readonly #folder: Pick<StateFolder, "set">;
  readonly #silos: Set<string>;

  constructor(folder: Pick<StateFolder, "get" | "set">) {
    this.#folder = folder;
    this.#silos = new Set(folder.get<string[]>("fetched"));
  }

  has(silo: string): boolean {
    return this.#silos.has(silo);
  }

  /** Notes that a silo needs nothing more; returns whether that is news. */
  add(silo: string): boolean {
    if (this.has(silo)) return false;
    this.#folder.set("fetched", [...this.#silos, silo]);
    this.#silos.add(silo);
    return true;
  }

  /** Notes that nobody needs the finished run any more: a restart only returns its result. */
  end(): void {
    this.#folder.set("served", true);
  }
}
