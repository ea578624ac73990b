/** How far a run has come, as the events of a role's log tell: the aggregator's, or a silo's own. */
import type { Proposal } from "../../../fed/protocol/messages.ts";
import type { LoggedEvent } from "../event_log.ts";
import { type Course, usualSeconds } from "../remaining.ts";

/** What a role was at last. */
export type Phase = "starting" | "joining" | "round" | "closing" | "finished";

/** A run's way so far. */
export class Way {
  phase: Phase = "starting";
  /** The open round, or the last one; 0 before the first. */
  round = 0;
  proposal: Proposal | null = null;
  #done = 0;
  readonly #durations: number[] = [];
  #began = 0;
  #opened = 0;

  /** Takes note of an event. */
  take(event: LoggedEvent): void {
    switch (event.type) {
      case "proposal":
        this.proposal = event.proposal;
        if (this.phase === "starting") this.phase = "joining";
        break;
      case "row":
        this.#open(event.row.round, secondsOf(event));
        break;
      case "pulled": // a silo's turn begins with it; the aggregator says so of each silo
        if (event.silo === undefined) this.#turn(event.round + 1, secondsOf(event));
        break;
      case "committed":
        this.#done = event.round;
        this.#durations.push(event.seconds);
        break;
      case "closing":
      case "tested":
        this.phase = "closing";
        break;
      case "finished":
        this.phase = "finished";
    }
  }

  /** As `secondsLeft` wants it. @param now seconds since 1970 */
  courseAt(now: number): Course {
    const { rounds = null, budget = null } = this.proposal ?? {};
    const open = this.phase === "round" && this.round > this.#done;
    return {
      rounds,
      budget,
      done: this.#done,
      usual: usualSeconds(this.#durations),
      elapsed: this.#began === 0 ? 0 : now - this.#began,
      open: open ? now - this.#opened : 0,
    };
  }

  #open(round: number, at: number): void {
    if (this.#began === 0) this.#began = at;
    this.phase = "round";
    this.round = round;
    this.#opened = at;
  }

  /** A silo hears of no commit: a round is done for it when the next one begins. */
  #turn(round: number, at: number): void {
    if (round <= this.round) return;
    if (this.round > 0) {
      this.#durations.push(at - this.#opened);
      this.#done = round - 1;
    }
    this.#open(round, at);
  }
}

/** When an event was logged, seconds since 1970. */
export function secondsOf({ time }: LoggedEvent): number {
  return Date.parse(time) / 1000;
}
