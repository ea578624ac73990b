/**
 * The time of a run: seconds that never jump.
 *
 * Why not the wall clock: somebody, or NTP, may set it while a run goes on, and a day more or less would end its budget,
 * extend it, or make every silo look lost. So time goes on as a monotonic clock counts it. Between two processes only
 * the wall clock knows how long nobody ran: that counts, but never backwards, and never more than the whole budget.
 */

/** Where time comes from. */
export interface Clock {
  /** Seconds since 1970, as the machine's clock says; it may be set at any moment. */
  wall(): number;
  /** Seconds since some moment of this process. */
  monotonic(): number;
  /** Calls `ring` once so many seconds have passed, or earlier; returns what calls it off. */
  alarm(seconds: number, ring: () => void): () => void;
}

/** The longest that setTimeout waits, milliseconds: it counts in a signed 32-bit number. */
const LONGEST = 2 ** 31 - 1;

/** This machine's. */
export const MACHINE: Clock = {
  wall: () => Date.now() / 1000,
  monotonic: () => performance.now() / 1000,
  alarm: (seconds, ring) => {
    const timer = setTimeout(ring, Math.min(Math.ceil(seconds * 1000), LONGEST));
    return () => clearTimeout(timer);
  },
};

/** One moment, for the next process: what the run's clock said, and what the wall clock did. */
export interface Moment {
  run: number;
  wall: number;
}

/** Seconds between two stored moments. */
const KEEP = 5;

/** A run's clock in one process; it begins with the wall clock's seconds since 1970. */
export class RunClock {
  readonly #clock: Clock;
  /** What to add to the monotonic clock. */
  readonly #offset: number;
  #kept = -Infinity;

  /**
   * @param stored the last moment that an earlier process stored, null for none
   * @param options.longest most seconds that count between it and now, null for any number of them @default null
   * @param options.clock @default MACHINE
   */
  constructor(stored: Moment | null, options: { longest?: number | null; clock?: Clock } = {}) {
    const { longest = null, clock = MACHINE } = options;
    const wall = clock.wall();
    const { run, wall: before } = stored ?? { run: wall, wall };
    const away = Math.min(Math.max(wall - before, 0), longest ?? Infinity);
    this.#clock = clock;
    this.#offset = run + away - clock.monotonic();
  }

  now(): number {
    return this.#offset + this.#clock.monotonic();
  }

  /** As the clock's own `alarm`. */
  alarm(seconds: number, ring: () => void): () => void {
    return this.#clock.alarm(seconds, ring);
  }

  /** Calls `ring` every so many seconds; returns what ends that. */
  every(seconds: number, ring: () => void): () => void {
    const again = () => this.alarm(seconds, () => (ring(), cancel = again()));
    let cancel = again();
    return () => cancel();
  }

  /**
   * Hands this moment to `store` unless it did so a few seconds ago: to be called more often than that, so that the next
   * process goes on from there.
   */
  keep(store: (moment: Moment) => void): void {
    if (this.now() - this.#kept < KEEP) return;
    this.#kept = this.now();
    try {
      store(this.moment());
    } catch {
      // A full disk: the next thing that must be stored says so.
    }
  }

  /** What to store of this moment. */
  moment(): Moment {
    return { run: this.now(), wall: this.#clock.wall() };
  }
}
