/** Where a role stands, from its log and a look into its state: what `fedx status` says, and its JSON object. */
import type { LoggedEvent } from "../event_log.ts";
import { secondsLeft } from "../remaining.ts";
import { type Phase, secondsOf, Way } from "./course.ts";
import { WhoIsThere } from "../who_is_there.ts";
import { wordsOf } from "./words.ts";

/** The last that was heard, and when: an ISO date-time. */
export interface Words {
  at: string;
  text: string;
}

/** One hospital, as the aggregator knows it. */
export interface Hospital {
  name: string;
  joined: boolean;
  /** Null for one of which nothing was heard. */
  last: Words | null;
}

/** Where a role stands. */
export interface Status {
  /** `aggregator`, or `silo` and its name. */
  role: string;
  /** Ended: no process has the state, and the run has no result. */
  state: "running" | "finished" | "ended";
  phase: Phase;
  /** The open round, or the last one; 0 before the first. */
  round: number;
  /** Of how many, null where only the budget limits the run. */
  rounds: number | null;
  /** Null where nothing tells yet, and where nothing goes on. */
  seconds_left: number | null;
  /** Whom an aggregator waits for before the first round, and how long, in words; null at any other time. */
  waiting: string | null;
  /** When the run finished; null before, and in a state of an older fedx. */
  finished: string | null;
  /** When the log was written to last, an ISO date-time; null for an empty one. */
  heard: string | null;
  last: Words | null;
  /** The aggregator's alone; a silo knows of no other. */
  silos: Hospital[];
}

/** What a look into the state showed. */
export interface Seen {
  role: string;
  running: boolean;
  /** The run's result, null for none. */
  result: { finished?: string } | null;
}

/** Puts together where a role stands. @param now seconds since 1970 */
export function statusOf(
  events: readonly LoggedEvent[],
  { role, running, result }: Seen,
  now: number,
): Status {
  const way = new Way(), there = new WhoIsThere();
  const heard = new Map<string, Words>(), joined = new Set<string>(), met = new Map<string, Words>();
  const state = result !== null ? "finished" : running ? "running" : "ended";
  let last: Words | null = null;
  for (const event of events) {
    way.take(event);
    there.take(event, secondsOf(event.time));
    if (event.type === "joined") joined.add(event.silo);
    if (event.type === "session" && event.open) met.set(event.silo, { at: event.time, text: "connected" });
    // Of a state that has ended it is the end; else of another process that was started on the same state.
    if (event.type === "failed" && state !== "ended") continue;
    const words = wordsOf(event);
    if (words === null) continue;
    const said = { at: event.time, text: words.text };
    if (words.silo === undefined || role !== "aggregator") last = said;
    else heard.set(words.silo, said);
  }
  const silos = role === "aggregator" ? way.proposal?.silos ?? [] : [];
  const course = state === "running" ? way.courseAt(now) : null;
  return {
    role,
    state,
    phase: result !== null ? "finished" : way.phase,
    round: way.round,
    rounds: way.proposal?.rounds ?? null,
    seconds_left: course && secondsLeft(course),
    waiting: state === "running" && way.phase === "joining" ? there.line(now) : null,
    finished: result?.finished ?? null,
    heard: events.at(-1)?.time ?? null,
    last,
    silos: silos.map((name) => ({
      name,
      joined: joined.has(name),
      last: heard.get(name) ?? met.get(name) ?? null,
    })),
  };
}

/** Seconds from an ISO date-time to `now`, 0 at least: clocks are set. */
export function ago(at: string, now: number): number {
  return Math.max(0, now - secondsOf(at));
}
