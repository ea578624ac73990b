/** How far a run has come, as the events of a role's log tell: the aggregator's, or a silo's own. */
import { recentMedian } from "../../../fed/maths/row_share.ts";
import type { Proposal } from "../../../fed/protocol/messages.ts";
import type { LoggedEvent } from "../event_log.ts";
import { type Course, courseAfter } from "../remaining.ts";

/** What a role was at last. */
export type Phase = "starting" | "joining" | "round" | "closing" | "finished";

/** A run's way so far. */
export class Way {
  phase: Phase = "starting";
  /** The open round, or the last one; 0 before the first. */
  round = 0;
  proposal: Proposal | null = null;
  /** As it was when the round opened, seconds since 1970. */
  #course: Course | null = null;
  #opened = 0;
  /** A silo's alone: what its turns took, and when the first began. */
  readonly #durations: number[] = [];
  #began = 0;

  /** Takes note of an event. */
  take(event: LoggedEvent): void {
    const at = secondsOf(event.time);
    switch (event.type) {
      case "proposal":
        this.proposal = event.proposal;
        if (this.phase === "starting") this.phase = "joining";
        break;
      case "row":
        this.#open(event.row.round, { ...event.course, done: event.row.round - 1 }, at);
        break;
      case "pulled": // a silo's turn of that round begins with it; the aggregator says so of each silo
        if (event.silo === undefined) this.#turn(event.round, at);
        break;
      case "training": // where there is nothing to pull
        this.#turn(event.round, at);
        break;
      case "closing":
      case "tested":
        this.phase = "closing";
        break;
      case "finished":
        this.phase = "finished";
    }
  }

  /** Null before the first round. @param now seconds since 1970 */
  courseAt(now: number): Course | null {
    return this.#course === null ? null : courseAfter(this.#course, now - this.#opened);
  }

  #open(round: number, course: Course, at: number): void {
    this.phase = "round";
    this.round = round;
    this.#course = course;
    this.#opened = at;
  }

  /** A silo hears of no commit: a round is done for it when its next turn begins. */
  #turn(round: number, at: number): void {
    if (round <= this.round) return;
    if (this.#course === null) this.#began = at;
    else this.#durations.push(at - this.#opened);
    const { rounds = null, budget = null } = this.proposal ?? {};
    const usual = recentMedian(this.#durations);
    this.#open(round, { rounds, budget, done: round - 1, usual, elapsed: at - this.#began, open: 0 }, at);
  }
}

/** An ISO date-time in seconds since 1970. */
export function secondsOf(time: string): number {
  return Date.parse(time) / 1000;
}
