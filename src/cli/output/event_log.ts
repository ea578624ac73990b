// Why: roles report events and print nothing; here they become lines for people and a file for programs.
import { Chain } from "../../fed/audit/chain.ts";
import type { AuditLog } from "../../fed/audit/audit.ts";
import { DECLINES } from "../../fed/protocol/decline.ts";
import type { FedEvent } from "../../fed/protocol/event.ts";
import { nameFullDisk } from "../../fed/protocol/full_disk.ts";
import { makePrivateFolder } from "../../fed/state/private_folder.ts";
import { formatDuration } from "../options/duration.ts";
import { HubLine } from "./hub_line.ts";
import type { Output } from "./output.ts";
import { moment } from "./moment.ts";
import { courseLine, roughly } from "./remaining.ts";
import { SiloLine } from "./silo_line.ts";
import { score } from "./table.ts";
import { plural } from "../../plural.ts";

/** One line of events.jsonl, without its link to the one before. */
export type LoggedEvent = FedEvent & { time: string };

/** What lines are printed with. */
type Lines = Pick<Output, "line" | "progress" | "ticking">;

/** Appends every event to a file and shows those that matter. */
export class EventLog implements Disposable {
  readonly #chain: Chain | null;
  readonly #output: Lines;
  readonly #show: ((event: FedEvent) => void) & Disposable;
  /** Events that could not be written since the last that could. */
  #lost = 0;
  /** Whether the log could not be made durable when it was asked for last. */
  #unsafe = false;

  private constructor(chain: Chain | null, output: Lines) {
    this.#chain = chain;
    this.#output = output;
    this.#show = showEvents(output);
  }

  /** Opens `<state>/events.jsonl` to append to; while another process has it, events are shown and not kept. */
  static async open(state: string, output: Lines): Promise<EventLog> {
    await makePrivateFolder(state);
    const chain = await Chain.open(`${state}/events.jsonl`);
    if (chain === null) {
      output.line(`warning: events are not written: another process has ${state}/events.jsonl`);
    }
    const log = new EventLog(chain, output);
    const { lines = 0, cut = 0 } = chain ?? {};
    if (lines > 0 || cut > 0) log.#keep({ type: "log_resumed", lines, cut });
    return log;
  }

  /** The `onEvent` of a role. */
  readonly onEvent = (event: FedEvent): void => {
    this.#keep(event);
    this.#show(event);
  };

  /** What a role's audit needs of its log; a log that is not kept, or whose disk fails, has no head. */
  readonly audit: AuditLog = {
    sync: async () => {
      try {
        const head = await this.#chain?.sync() ?? null;
        this.#unsafe = false;
        return head;
      } catch (error) {
        if (!this.#unsafe) this.#tellLost(error);
        this.#unsafe = true;
        return null;
      }
    },
  };

  /** What `role` comes to; where it ends before that, the file says of what: who asks later cannot look at the terminal. */
  async ending<T>(role: Promise<T>, signal: AbortSignal): Promise<T> {
    try {
      return await role;
    } catch (error) {
      this.#keep(
        signal.aborted ? { type: "stopped" } : { type: "failed", message: (error as Error).message },
      );
      throw error;
    }
  }

  /** Writes an event, whole or not at all: a full disk costs lines of the log and nothing else, and is told once. */
  #keep(event: FedEvent): void {
    if (this.#chain === null) return;
    const record = (event: FedEvent) => ({ time: new Date().toISOString(), ...event });
    try {
      if (this.#lost > 0) {
        this.#chain.append(record({ type: "lines_lost", lines: this.#lost }));
        this.#output.line(`events.jsonl is written again without ${plural(this.#lost, "line")}`);
        this.#lost = 0;
      }
      this.#chain.append(record(event));
    } catch (error) {
      this.#tellLost(error);
      this.#lost++;
    }
  }

  #tellLost(error: unknown): void {
    if (this.#lost > 0) return;
    const place = { folder: "events.jsonl", remedy: "free some space" };
    const text = (nameFullDisk(error, place) as Error).message;
    this.#output.line(`warning: events are not written for now, the run goes on: ${text}`);
  }

  [Symbol.dispose](): void {
    this.#show[Symbol.dispose]();
    this.#chain?.[Symbol.dispose]();
  }
}

/** An `onEvent` that shows people what matters: steps as progress, what is waited for as a live line, the rest as lines. */
export function showEvents(output: Lines): ((event: FedEvent) => void) & Disposable {
  const hub = new HubLine(output);
  const silo = new SiloLine(output);
  const show = (event: FedEvent) => {
    if (silo.take(event)) return;
    if (event.type === "step") return output.progress(`round ${event.round}`, event.k, event.K);
    // A role that fails ends its command, and with it comes the same sentence.
    const text = event.type === "failed" ? undefined : describe(event);
    if (text !== undefined) output.line(text);
    hub.take(event);
  };
  const dispose = () => [hub, silo].forEach((line) => line[Symbol.dispose]());
  return Object.assign(show, { [Symbol.dispose]: dispose });
}

/** One line for people, or undefined for an event that only the file keeps. */
export function describe(event: FedEvent): string | undefined {
  switch (event.type) {
    case "listening":
      return `listening on ${event.host}:${event.port} (run ${event.run})`;
    case "flower_listening":
      return `listening on ${event.host}:${event.port} for SuperNodes`;
    case "resumed":
      return `going on with run ${event.run}: ${event.state}, round ${event.round}`;
    case "joined":
      return `${event.silo} joined: ${plural(event.registration.splits.train.images, "training image")}, ` +
        `${event.registration.device}, ${plural(event.registration.threads, "thread")}`;
    case "plan":
      return `plan ${event.planId.slice(0, 12)}: ${event.plan.roster.join(", ")}`;
    case "row":
      return `${courseLine(event.row.round, { ...event.course, done: event.row.round - 1 })}: opens for ` +
        event.row.roster.join(", ");
    case "declined":
      return `${event.silo} declined: ${DECLINES[event.code]}`;
    case "scored":
      return `${event.silo} scored model ${event.scores.round - 1} on val: AUROC ${
        score(event.scores.auroc)
      }, ` +
        `loss ${score(event.scores.loss)}` +
        (event.scores.skipped
          ? `; ${plural(event.scores.skipped, "step")} of round ${event.scores.round} skipped`
          : "");
    case "update_counted":
      return `${event.silo} counted in round ${event.round} (${plural(event.examples, "example")})`;
    case "no_step":
      return `${event.silo} has no step in round ${event.round}`;
    case "committed":
      return `round ${event.round} done in ${formatDuration(event.seconds)}: weights ${
        event.sha256.slice(0, 12)
      }`;
    case "late":
      return `${event.silo} is late in round ${event.round}${
        event.state === "training" ? `: training ${event.step}/${event.steps}` : ""
      }; its update counts no more`;
    case "degraded":
      return `DEGRADED: round ${event.round} closes without ${event.missing.join(", ")}`;
    case "reopened":
      return `round ${event.round} is open again, below the quorum: waiting for ${
        event.missing.join(", ")
      }, at most ${roughly(event.seconds)}`;
    case "returned":
      return `${event.silo} is back`;
    case "abandoned":
      return `round ${event.round} abandoned: ${event.reason}`;
    case "closing":
      return `closing after ${plural(event.rounds, "round")}`;
    case "selected":
      return `model of round ${event.round} selected (val AUROC ${score(event.auroc)}; ${event.reason})`;
    case "tested":
      return `${event.silo} tested: AUROC ${score(event.auroc)} on ${plural(event.images, "image")}`;
    case "training":
      return event.steps === 0
        ? `round ${event.round}: too short for a step on this hospital's films`
        : `round ${event.round}: ${plural(event.steps, "step")}`;
    case "update_dropped":
      return `update of round ${event.round} dropped: ${event.reason}`;
    case "connected":
      return `connected to ${event.server}`;
    case "certificate":
      return `certificate of ${event.name}, ${event.fingerprint.slice(0, 16)}…, until ${
        event.expires.slice(0, 10)
      }`;
    case "lost":
      return `${event.silo} gone${event.round === 0 ? "" : ` in round ${event.round}`}: ${event.reason}`;
    case "refused":
      return event.expected === undefined
        ? `refused ${event.peer}: ${event.code}`
        : `refused ${event.peer}: expected ${event.expected}, got ${event.got} (${event.code})`;
    case "comparing":
      return `the run is over; now the start model is scored on ${
        plural(event.images, "test film")
      }, for comparison ` +
        "(nothing more is sent)";
    case "warning":
      return `warning: ${event.text}`;
    case "failed":
      return `failed: ${event.message}`;
    case "already_finished":
      return `finished${event.at === null ? "" : ` at ${moment(event.at)}`}; --new begins another` +
        (event.last === null ? "" : `, --new --init ${event.last} one from its last model`);
    default:
      return undefined;
  }
}
