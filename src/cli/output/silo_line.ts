/**
 * Shows that a silo lives while nothing else does: what it waits for or does, and whether it tries again, with the time.
 * Steps have a bar of their own, so there is no such line while it trains.
 */
import type { FedEvent } from "../../fed/protocol/event.ts";
import type { Output, Ticking } from "./output.ts";
import { roughly } from "./remaining.ts";

type EventOf<T extends FedEvent["type"]> = Extract<FedEvent, { type: T }>;

/** What a silo is at between two steps, and since when. */
interface Doing {
  text: string;
  since: number;
  /** When it is over at the latest; null where nobody knows. */
  end: number | null;
}

const PHASES: Record<EventOf<"phase">["phase"], string | null> = {
  pulling: "fetching the model",
  scoring: "scoring the model on val",
  training: null,
  uploading: "sending the update",
  closing: "testing the selected model",
};

export class SiloLine implements Disposable {
  readonly #output: Pick<Output, "line" | "ticking">;
  readonly #now: () => number;
  #proposal: EventOf<"proposal">["proposal"] | null = null;
  #doing: Doing | null = null;
  /** What it waited for last: told once, however often it looks at the run meanwhile. */
  #idle: Doing | null = null;
  #retry: { reason: string; end: number } | null = null;
  /** Whether the bar of the steps is on show. */
  #training = false;
  #ticking: Ticking | null = null;

  /** @param now seconds of a clock that only rises @default the process's */
  constructor(output: Pick<Output, "line" | "ticking">, now: () => number = () => performance.now() / 1000) {
    this.#output = output;
    this.#now = now;
  }

  /** Takes note of an event; returns whether it has shown all there is to show of it. */
  take(event: FedEvent): boolean {
    switch (event.type) {
      case "proposal":
        this.#proposal = event.proposal;
        return false;
      case "idle":
        return this.#wait(event);
      case "phase":
        return this.#do(event);
      case "retry":
        return this.#tryAgain(event);
      case "reached":
        this.#retry = null;
        return this.#show();
      default:
        return false;
    }
  }

  #wait(event: EventOf<"idle">): true {
    const { text, seconds } = this.#waitingFor(event);
    this.#training = false;
    const again = this.#idle?.text === text;
    const since = this.#now();
    if (!again) this.#idle = { text, since, end: seconds === null ? null : since + seconds };
    this.#doing = this.#idle;
    return this.#show({ said: again });
  }

  #waitingFor({ until, round }: EventOf<"idle">): { text: string; seconds: number | null } {
    const { rounds = null, joinTimeout = null } = this.#proposal ?? {};
    if (until === "plan") return { text: "joined; waiting for the others", seconds: joinTimeout };
    if (until === "roster") return { text: "ready; waiting until the others are", seconds: null };
    if (until === "selection") return { text: "waiting until all have scored the last model", seconds: null };
    if (until === "end") return { text: "waiting until all have tested the selected model", seconds: null };
    if (round === rounds) return { text: "waiting for the others' last updates", seconds: null };
    const next = rounds === null ? `round ${round + 1}, or the end` : `round ${round + 1} of ${rounds}`;
    return { text: `waiting for ${next}`, seconds: null };
  }

  #do({ phase }: EventOf<"phase">): true {
    const text = PHASES[phase];
    this.#training = text === null;
    this.#doing = text === null ? null : { text, since: this.#now(), end: null };
    return this.#show();
  }

  #tryAgain({ reason, left }: EventOf<"retry">): true {
    const told = this.#retry?.reason === reason;
    this.#retry = { reason, end: this.#now() + left };
    if (!told) this.#output.line(`${reason}; trying again, ${roughly(left)} left`);
    return this.#show();
  }

  /** Draws the line, or takes it away. @param options.said whether it is no news @default true */
  #show({ said = true } = {}): true {
    if (this.#training || (this.#doing === null && this.#retry === null)) {
      this[Symbol.dispose]();
    } else if (this.#ticking === null) {
      this.#ticking = this.#output.ticking(() => this.#text(), { said });
    } else if (!said) this.#ticking.now();
    return true;
  }

  #text(): string {
    const now = this.#now();
    if (this.#retry !== null) return `trying again, ${roughly(Math.max(0, this.#retry.end - now))} left`;
    if (this.#doing === null) return "";
    const { text, since, end } = this.#doing;
    if (end !== null && end > now) return `${text}, at most ${roughly(end - now)}`;
    return now - since < 1 ? text : `${text} (${roughly(now - since)})`;
  }

  [Symbol.dispose](): void {
    this.#ticking?.[Symbol.dispose]();
    this.#ticking = null;
  }
}
