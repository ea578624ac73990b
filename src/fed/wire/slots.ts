/**
 * Receiving slots: how many updates may be on their way in at once.
 *
 * Why: a silo is granted a slot before it sends a byte, so thirty silos that finish together cost the aggregator no
 * more memory and disk bandwidth than four do.
 */

/** Updates received at once. */
export const SLOTS = 4;
/** Seconds without a frame after which a slot is free again. */
const IDLE = 60;
/** Seconds after which a silo that got no slot asks again. */
export const ASK_AGAIN = 1;

/** Who may send, and when each was last heard, seconds. */
export class Slots {
  readonly #heard = new Map<string, number>();

  /**
   * Takes a slot, or keeps the one that the silo has.
   * @param options.holds Whether a silo may keep its slot: false once it has left.
   * @returns whether there was one.
   */
  take(silo: string, options: { now: number; holds: (silo: string) => boolean }): boolean {
    for (const [other, heard] of this.#heard) {
      if (options.now - heard > IDLE || !options.holds(other)) this.#heard.delete(other);
    }
    if (!this.#heard.has(silo) && this.#heard.size >= SLOTS) return false;
    this.#heard.set(silo, options.now);
    return true;
  }

  /** Notes a frame. */
  hear(silo: string, now: number): void {
    if (this.#heard.has(silo)) this.#heard.set(silo, now);
  }

  free(silo: string): void {
    this.#heard.delete(silo);
  }
}
