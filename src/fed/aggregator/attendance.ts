/**
 * Which silos are there: who speaks over which connection, who was heard when, what each says it is doing.
 *
 * Nothing of it is stored. A restarted aggregator learns it anew: a silo that the newest row left out stays lost until
 * it is heard, every other one has as long as a silence may last to find the aggregator again.
 */
import { ProtocolError } from "../protocol/errors.ts";
import type { OnEvent } from "../protocol/event.ts";
import type { Heartbeat } from "../protocol/messages.ts";

/** Seconds without a word after which a silo counts as lost. */
export const SILENCE = 60;

/** A silo that has spoken within this many seconds is at work: it says something every 10. */
export const ALIVE = 25;

interface Seen {
  /** Its open connection. */
  session: object | null;
  /** When it last said something, as the run counts time. */
  heard: number;
  beat: Heartbeat | null;
  lost: boolean;
}

export interface AttendanceOptions {
  /** Who is invited. */
  silos: readonly string[];
  /** Who has joined, kept up to date by the caller: nobody else can be lost. */
  joined: ReadonlyMap<string, unknown>;
  /** Who of them is taken to be there at first. */
  present: readonly string[];
  /** Seconds without a word after which a silo counts as lost. @default SILENCE */
  silence?: number;
  /** The run's clock, seconds. */
  now: () => number;
  /** The round that the run has come to, for the events. */
  round: () => number;
  /** Told when a silo is lost or back, and when a connection opened or closed. */
  onEvent: OnEvent;
}

/** The silos as the aggregator last heard them. */
export class Attendance {
  readonly #options: AttendanceOptions;
  readonly #silence: number;
  readonly #seen = new Map<string, Seen>();
  /** When `findLost` was last called. */
  #looked: number;

  constructor(options: AttendanceOptions) {
    const { joined, present, now, silence = SILENCE } = options;
    this.#options = options;
    this.#silence = silence;
    this.#looked = now();
    for (const silo of joined.keys()) {
      this.#seen.set(silo, { session: null, heard: now(), beat: null, lost: !present.includes(silo) });
    }
  }

  /** Silos with an open connection. */
  get connected(): string[] {
    return [...this.#seen].filter(([, { session }]) => session !== null).map(([silo]) => silo);
  }

  /** Whether a silo that joined has been silent for too long and not been heard since. */
  isLost(silo: string): boolean {
    return this.#seen.get(silo)?.lost ?? false;
  }

  /** Whether the silo is connected and has said something within so many seconds. */
  isHeard(silo: string, within: number): boolean {
    const seen = this.#seen.get(silo);
    return seen !== undefined && seen.session !== null && this.#options.now() - seen.heard < within;
  }

  /** What the silo last said it was doing, null for nothing yet. */
  lastHeartbeat(silo: string): Heartbeat | null {
    return this.#seen.get(silo)?.beat ?? null;
  }

  /**
   * Notes that the silo speaks over this connection.
   * @throws {ProtocolError} `not_invited`, `session_live`.
   */
  connect(silo: string, session: object): void {
    const { silos } = this.#options;
    if (!silos.includes(silo)) {
      throw new ProtocolError("not_invited", { expected: `one of ${silos.join(", ")}`, got: silo });
    }
    const other = this.#seen.get(silo)?.session ?? session;
    if (other !== session) {
      throw new ProtocolError("session_live", {
        expected: "one connection per silo",
        got: `a second one of ${silo}`,
      });
    }
    this.noteHeard(silo);
    const seen = this.#seen.get(silo)!;
    if (seen.session === session) return;
    seen.session = session;
    this.#options.onEvent({ type: "session", silo, open: true });
  }

  /** Notes that a connection closed. */
  disconnect(silo: string, session: object): void {
    const seen = this.#seen.get(silo);
    if (seen?.session !== session) return;
    seen.session = null;
    this.#options.onEvent({ type: "session", silo, open: false, ago: this.#options.now() - seen.heard });
  }

  /** Notes that the silo has said something; one that was lost is back. */
  noteHeard(silo: string): void {
    const seen = this.#seen.get(silo) ?? { session: null, heard: 0, beat: null, lost: false };
    seen.heard = this.#options.now();
    this.#seen.set(silo, seen);
    if (!seen.lost) return;
    seen.lost = false;
    this.#options.onEvent({ type: "returned", silo, round: this.#options.round() });
  }

  /** Notes what the silo says it is doing. */
  noteHeartbeat(silo: string, beat: Heartbeat): void {
    this.noteHeard(silo);
    this.#seen.get(silo)!.beat = beat;
  }

  /**
   * Finds who has been silent for too long: such a silo is lost, and its connection is closed so that it may come back.
   * To be called several times in a silence.
   */
  findLost(): void {
    const { now, round, joined, onEvent } = this.#options;
    const gap = now() - this.#looked;
    this.#looked = now();
    for (const [silo, seen] of this.#seen) {
      // This process was stopped, or its machine slept: nobody could be heard meanwhile.
      if (gap > this.#silence / 2) seen.heard += gap;
      if (this.#looked - seen.heard < this.#silence) continue;
      if (!seen.lost && joined.has(silo)) {
        seen.lost = true;
        onEvent({ type: "lost", silo, round: round(), reason: `silent for ${this.#silence} s` });
      }
      const { session } = seen;
      if (session === null) continue;
      this.disconnect(silo, session);
      (session as { destroy?(): void }).destroy?.();
    }
  }
}
