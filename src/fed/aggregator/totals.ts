/**
 * What a new round needs of all earlier ones, brought up to date as each is opened and closed: nobody looks through
 * all rounds for it again, so a round costs the same however many there were.
 */
import type { StoredRow } from "./stored.ts";

/** Running totals over the rounds of a run. */
export class Totals {
  /** Seconds from each row's opening to the next one's, ascending. */
  readonly #walls: number[] = [];
  readonly #rosters = new Map<string, readonly string[]>();
  readonly #passes = new Map<string, number>();

  open({ row: { roster }, opened }: StoredRow, before: StoredRow | undefined): void {
    this.#rosters.set(roster.join("/"), roster);
    if (before === undefined) return;
    const wall = opened - before.opened;
    this.#walls.splice(placeOf(this.#walls, wall), 0, wall);
  }

  /** @param present who has done its part in the round */
  close({ row: { silos } }: StoredRow, present: Iterable<string>): void {
    for (const silo of present) this.#passes.set(silo, silos[silo].to);
  }

  /** Every roster that a row was for. */
  get rosters(): Iterable<readonly string[]> {
    return this.#rosters.values();
  }

  /** Passes of a silo over its images in the rounds that are done: where the last one ended in which it did its part. */
  passes(silo: string): number {
    return this.#passes.get(silo) ?? 0;
  }

  /**
   * The median time from one row's opening to the next one's, seconds, the higher of two; null for none.
   * @param last what to count for the last row, where its round is done and no row has followed it
   */
  medianWall(last: number | null): number | null {
    const walls = last === null ? this.#walls : this.#walls.toSpliced(placeOf(this.#walls, last), 0, last);
    return walls[walls.length >> 1] ?? null;
  }
}

/** Where a value belongs among ascending ones. */
function placeOf(sorted: readonly number[], value: number): number {
  let low = 0;
  for (let high = sorted.length; low < high;) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
