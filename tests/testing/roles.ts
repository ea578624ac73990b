/** One run's aggregator and silos as processes, started and signalled one by one, on the hospitals of a folder. */
import { waitForEvent } from "../../src/cli/output/history.ts";
import type { FedEvent } from "../../src/fed/protocol/event.ts";
import { freePort } from "./free_port.ts";
import { commandOf } from "../e2e/federation.ts";
import { objectOf, type Running, start } from "./program.ts";

/** Longest that a test waits for an event. */
const PATIENCE = 120_000;

/** The processes of one run, started and signalled one by one. */
export class Roles implements AsyncDisposable {
  readonly #port = freePort();
  readonly #running: Running[] = [];

  /** @param options `dir`: what `makeHospitals` filled; `hub`: the arguments of `aggregate` that the test is about */
  constructor(readonly options: { dir: string; name: string; hub: string }) {}

  async start(role: string, fault?: string): Promise<Running> {
    const state = `${this.options.name}/${role}`;
    const hub = this.options.hub.split(" ");
    const args = commandOf(role, { port: this.#port, state, wait: "1m", hub });
    const running = await start(args, { cwd: this.options.dir, fault });
    this.#running.push(running);
    return running;
  }

  /** A file in a role's state folder. */
  file(role: string, name = "events.jsonl"): string {
    return `${this.options.dir}/${this.options.name}/${role}/${name}`;
  }

  /** Waits for an event of a role. */
  async when<T extends FedEvent["type"]>(
    role: string,
    type: T,
    where?: (event: Extract<FedEvent, { type: T }>) => boolean,
  ): Promise<Extract<FedEvent, { type: T }>> {
    return await waitForEvent(this.file(role), { type, where, signal: AbortSignal.timeout(PATIENCE) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { child, finished } of this.#running) {
      try {
        child.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      await finished;
    }
  }
}

/** What an aggregator printed. */
export type Result = Record<string, unknown> & {
  degraded: boolean;
  missing: Record<string, number[]>;
  rounds: number;
};

/** What a role printed under --json once it has ended with 0. */
export async function resultOf(running: Running, name: string): Promise<Result> {
  return objectOf(await running.finished, name) as Result;
}
