/**
 * What a hub shows of its silos while it waits and while they work, as one line. Pure: it is told what happened and what
 * time it is.
 */
import { DECLINES } from "../../fed/protocol/decline.ts";
import type { FedEvent } from "../../fed/protocol/event.ts";
import { type Course, courseAfter, courseLine, roughly } from "./remaining.ts";

/** Most silos that are named one by one. */
const NAMED = 12;

/** The silos of one run, as the events of its aggregator tell of them. Times are seconds of any one clock. */
export class WhoIsThere {
  #phase: "none" | "joining" | "round" | "closing" = "none";
  #silos: readonly string[] = [];
  #quorum = 0;
  /** When the waiting for silos ends. */
  #deadline = 0;
  readonly #joined = new Set<string>();
  /** Why a silo has not joined: it declined, or the aggregator refused it. */
  readonly #reasons = new Map<string, string>();
  /** Connections, and when a silo without one was last heard. */
  readonly #seen = new Map<string, { open: boolean; at: number }>();
  readonly #gone = new Set<string>();
  /** Who is in the round, and what each says it is doing. */
  readonly #doing = new Map<string, string>();
  #round = 0;
  #course: Course | null = null;
  #since = 0;

  /** Takes note of an event; returns whether it is news that the line shows first. */
  take(event: FedEvent, now: number): boolean {
    switch (event.type) {
      case "proposal":
        this.#silos = event.proposal.silos;
        this.#quorum = event.proposal.quorum;
        return false;
      case "waiting":
        this.#phase = "joining";
        this.#deadline = now + event.seconds;
        for (const silo of event.joined) this.#joined.add(silo);
        for (const [silo, code] of Object.entries(event.declined)) {
          this.#keepAway(silo, `declined: ${DECLINES[code]}`);
        }
        return true;
      case "joined":
        return this.#join(event.silo);
      case "declined":
        if (this.#phase === "joining") this.#joined.delete(event.silo);
        if (this.#doing.has(event.silo)) this.#doing.set(event.silo, "declined");
        return this.#keepAway(event.silo, `declined: ${DECLINES[event.code]}`);
      case "refused":
        return this.#silos.includes(event.peer) && !this.#joined.has(event.peer) &&
          this.#keepAway(event.peer, `refused: ${event.code.replaceAll("_", " ")}`);
      case "session":
        this.#seen.set(event.silo, { open: event.open, at: now - (event.open ? 0 : event.ago) });
        return false;
      case "lost":
        this.#gone.add(event.silo);
        return this.#phase === "joining";
      case "returned":
        this.#gone.delete(event.silo);
        return this.#phase === "joining";
      default:
        return this.#takeOfRound(event, now);
    }
  }

  #takeOfRound(event: FedEvent, now: number): boolean {
    switch (event.type) {
      case "row":
        this.#phase = "round";
        this.#round = event.row.round;
        this.#course = { ...event.course, done: event.row.round - 1 };
        this.#since = now;
        this.#doing.clear();
        for (const silo of event.row.roster) this.#doing.set(silo, "waiting");
        return false;
      case "progress":
        this.#do(event.silo, phaseText(event));
        return false;
      case "ready":
        this.#doing.set(event.silo, "ready");
        return false;
      case "update_counted":
      case "no_step":
        this.#doing.set(event.silo, "counted");
        return false;
      case "late":
        this.#doing.set(event.silo, "late");
        return false;
      case "closing":
        this.#phase = "closing";
        for (const silo of this.#doing.keys()) this.#doing.set(silo, "waiting");
        return false;
      case "finished":
      case "failed":
        this.#phase = "none";
        return false;
      default:
        return false;
    }
  }

  /** Ready or counted, a silo waits: that says less. */
  #do(silo: string, text: string): void {
    const known = this.#doing.get(silo);
    if (text !== "waiting" || (known !== "counted" && known !== "ready")) this.#doing.set(silo, text);
  }

  #join(silo: string): boolean {
    this.#reasons.delete(silo);
    if (this.#joined.has(silo)) return false;
    this.#joined.add(silo);
    return this.#phase === "joining";
  }

  #keepAway(silo: string, reason: string): boolean {
    if (this.#reasons.get(silo) === reason) return false;
    this.#reasons.set(silo, reason);
    return this.#phase === "joining";
  }

  /** The line, null for nothing to wait for. */
  line(now: number): string | null {
    switch (this.#phase) {
      case "none":
        return null;
      case "joining":
        return this.#joiningLine(now);
      case "round": {
        const course = courseAfter(this.#course!, now - this.#since);
        return `${courseLine(this.#round, course)}: ${this.#work(now)}`;
      }
      case "closing":
        return `closing: ${this.#work(now)}`;
    }
  }

  #joiningLine(now: number): string {
    const missing = this.#silos.filter((silo) => !this.#joined.has(silo));
    const gone = [...this.#joined].filter((silo) => this.#gone.has(silo));
    const joined = `${this.#joined.size} of ${this.#silos.length} joined` +
      (gone.length === 0 ? "" : ` (${listed(gone)} gone)`);
    if (missing.length === 0) return joined;
    const names = missing.map((silo) => {
      const about = this.#reasons.get(silo) ?? this.#connection(silo, now) ?? "connected";
      return about === "" ? silo : `${silo} (${about})`;
    });
    const left = roughly(Math.max(0, this.#deadline - now));
    const end = this.#joined.size >= this.#quorum ? `the run begins without in ${left}` : `${left} left`;
    return `${joined}, waiting for ${listed(names)}; ${end}`;
  }

  /** What is to be said of a silo's connection: nothing for one that never was, null where it is open. */
  #connection(silo: string, now: number): string | null {
    const seen = this.#seen.get(silo);
    if (seen === undefined) return "";
    return seen.open ? null : `last seen ${roughly(Math.max(0, now - seen.at))} ago`;
  }

  #work(now: number): string {
    return listed([...this.#doing].map(([silo, doing]) => {
      if (this.#gone.has(silo)) return `${silo} gone`;
      const connection = doing === "counted" ? null : this.#connection(silo, now);
      return `${silo} ${connection === "" ? "not seen yet" : connection ?? doing}`;
    }));
  }

  /** What to do where too few can join as things stand, null where enough can. */
  get trouble(): string | null {
    const away = this.#silos.filter((silo) => !this.#joined.has(silo) && this.#reasons.has(silo));
    if (this.#phase !== "joining" || this.#silos.length - away.length >= this.#quorum) return null;
    const all = this.#silos.length;
    const needed = this.#quorum === all ? `all ${all}` : `${this.#quorum} of ${all}`;
    return `too few can join as things stand: the run needs ${needed}, and ${listed(away)} ` +
      `${
        away.length === 1 ? "stays" : "stay"
      } away. It waits for them to correct what is named and to start ` +
      "`fedx train` again; for other settings stop this (Ctrl-C) and start it again with --new";
  }
}

/** What a silo says that it is doing: `training 3/20`, or the phase's name. */
export function phaseText({ phase, step, steps }: FedEvent & { type: "progress" }): string {
  return phase === "training" ? `training ${step}/${steps}` : phase;
}

function listed(names: readonly string[]): string {
  const more = names.length - NAMED;
  return more < 2 ? names.join(", ") : `${names.slice(0, NAMED).join(", ")} and ${more} more`;
}
