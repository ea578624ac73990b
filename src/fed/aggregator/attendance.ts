/**
 * Which silos are there: who speaks over which connection, who was heard when, what each says it is doing.
 *
 * Nothing of it is stored. A restarted aggregator learns it anew: a silo that the newest row left out stays lost until
 * it is heard, every other one has as long as a silence may last to find the aggregator again.
 */
import { ProtocolError } from "../protocol/errors.ts";
import type { Standing } from "../protocol/event.ts";
import type { Heartbeat } from "../protocol/messages.ts";
import type { Run } from "./run.ts";

/** Seconds without a word after which a silo counts as lost. */
export const SILENCE = 60;

interface Seen {
  /** Its open connection. */
  session: object | null;
  /** When it last said something, as the run counts time. */
  heard: number;
  beat: Heartbeat | null;
  lost: boolean;
}

/** The silos as the aggregator last heard them. */
export class Attendance {
  readonly #run: Run;
  readonly #silence: number;
  readonly #seen = new Map<string, Seen>();
  /** When `look` was last called. */
  #looked: number;

  /** @param options.silence seconds without a word after which a silo counts as lost @default SILENCE */
  constructor(run: Run, options: { silence?: number }) {
    this.#run = run;
    this.#silence = options.silence ?? SILENCE;
    this.#looked = run.now();
    const roster = run.rows.at(-1)?.row.roster ?? [...run.joined.keys()];
    for (const silo of run.joined.keys()) {
      this.#seen.set(silo, { session: null, heard: run.now(), beat: null, lost: !roster.includes(silo) });
    }
  }

  /** Silos with an open connection. */
  get connected(): string[] {
    return [...this.#seen].filter(([, { session }]) => session !== null).map(([silo]) => silo);
  }

  /** Whether a silo that joined has been silent for too long and not been heard since. */
  lost(silo: string): boolean {
    return this.#seen.get(silo)?.lost ?? false;
  }

  /** Whether the silo is connected and has said something within so many seconds. */
  speaks(silo: string, within: number): boolean {
    const seen = this.#seen.get(silo);
    return seen !== undefined && seen.session !== null && this.#run.now() - seen.heard < within;
  }

  /**
   * Whom the next row is for: those who joined and are not lost; everybody who joined when those are no quorum, since
   * the row then has to wait for some of them.
   */
  roster(): string[] {
    const { silos, quorum } = this.#run.proposal;
    const joined = silos.filter((silo) => this.#run.joined.has(silo));
    const there = joined.filter((silo) => !this.lost(silo));
    return there.length >= quorum ? there : joined;
  }

  /**
   * Notes that the silo speaks over this connection.
   * @throws {ProtocolError} `not_invited`, `session_live`.
   */
  attach(silo: string, session: object): void {
    const { silos } = this.#run.proposal;
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
    this.hear(silo);
    this.#seen.get(silo)!.session = session;
  }

  /** Notes that the silo has said something; one that was lost is back. */
  hear(silo: string): void {
    const seen = this.#seen.get(silo) ?? { session: null, heard: 0, beat: null, lost: false };
    seen.heard = this.#run.now();
    this.#seen.set(silo, seen);
    if (!seen.lost) return;
    seen.lost = false;
    this.#run.onEvent({ type: "returned", silo, round: this.#run.view().round });
    this.#run.notify();
  }

  /** Notes what the silo says it is doing. */
  beat(silo: string, beat: Heartbeat): void {
    this.hear(silo);
    this.#seen.get(silo)!.beat = beat;
  }

  /** Notes that a connection closed. */
  detach(silo: string, session: object): void {
    const seen = this.#seen.get(silo);
    if (seen?.session !== session) return;
    seen.session = null;
    this.#run.onEvent({ type: "session", silo, open: false });
    this.#run.notify();
  }

  /** To be called several times in a silence: who says nothing is lost, and its connection closed so that it may come back. */
  look(): void {
    const now = this.#run.now();
    const gap = now - this.#looked;
    this.#looked = now;
    for (const [silo, seen] of this.#seen) {
      // This process was stopped, or its machine slept: nobody could be heard meanwhile.
      if (gap > this.#silence / 2) seen.heard += gap;
      if (now - seen.heard < this.#silence) continue;
      if (!seen.lost && this.#run.joined.has(silo)) this.#lose(silo, seen);
      const { session } = seen;
      if (session === null) continue;
      this.detach(silo, session);
      (session as { destroy?(): void }).destroy?.();
    }
  }

  #lose(silo: string, seen: Seen): void {
    seen.lost = true;
    const reason = `silent for ${this.#silence} s`;
    this.#run.onEvent({ type: "lost", silo, round: this.#run.view().round, reason });
    this.#run.notify();
  }

  /** Where a silo that joined stands. */
  standing(silo: string): Standing {
    const { open, rows, rounds, state } = this.#run;
    const beat = this.#seen.get(silo)?.beat ?? null;
    const plain = (state: Standing["state"]): Standing => ({ state, step: 0, steps: 0 });
    if (this.lost(silo)) return plain("lost");
    if (open !== null && state.receipt(open.row.round, silo) !== null) return plain("counted");
    const closed = rows.findLast(({ row }) => row.round <= rounds)?.row;
    const missed = closed !== undefined && closed.roster.includes(silo) &&
      state.receipt(closed.round, silo) === null;
    if (missed && (beat?.round ?? 0) <= closed.round && beat?.phase !== "waiting") return plain("late");
    if (beat === null) return plain("waiting");
    return beat.phase === "training"
      ? { state: "training", step: beat.step, steps: beat.steps }
      : plain(beat.phase);
  }
}
