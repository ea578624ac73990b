/** A run of the aggregator and its silos as processes of the program, on the hospitals of `hospitals.ts`. */
import { SILOS } from "../testing/hospitals.ts";
import { type Finished, objectOf, type Running, start } from "../testing/program.ts";
import { freePort } from "../testing/free_port.ts";

/** Two rounds of four steps unless said otherwise. */
export interface FederationOptions {
  /** The folder that `makeHospitals` filled. */
  dir: string;
  /** Of the folder of its states. */
  name: string;
  /** @default 2 */
  rounds?: number;
  /** @default 0 */
  seed?: number;
  /** Roles in the order in which they start, .4 s apart. @default hub, a, b, c */
  order?: readonly string[];
  /** Faults by role, one for each start; see `faulty_role.ts`. */
  faults?: Record<string, readonly string[]>;
  /** Port of the aggregator on 127.0.0.1. @default a free one */
  port?: number;
  /** Ports at which silos look for the aggregator instead. */
  doors?: Record<string, number>;
  /** Further flags of the aggregator. @default --batch 8 */
  flags?: readonly string[];
}

/** What each role printed under --json. */
export type Results = Record<string, Record<string, unknown>>;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * The command line of `hub` or of a silo, at 32 px. `hub` holds further flags of the aggregator; without an --init among
 * them it starts from random weights, without a --seed from those of seed 0.
 */
export function commandOf(
  role: string,
  { port, state, wait, hub }: { port: number; state: string; wait: string; hub: readonly string[] },
): string[] {
  const common = ["--tls", `tls-${role}`, "--state", state, "--json"];
  if (role === "hub") {
    const listen = ["--listen", `127.0.0.1:${port}`, "--size", "32"];
    const init = hub.includes("--init") ? [] : ["--init", "random"];
    const seed = hub.includes("--seed") ? [] : ["--seed", "0"];
    return ["aggregate", ...listen, ...init, ...seed, ...hub, ...common];
  }
  const where = ["--silo", role, "--server", `https://127.0.0.1:${port}`, "--shard", `shard-${role}`];
  // Each silo is a hospital of its own.
  const site = ["--site", `${state}-site`];
  return ["train", ...where, ...site, "--threads", "1", "--wait", wait, ...common];
}

/** A federation of real processes; a role that its fault ends is started again with the next. */
export class Federation {
  readonly #port: number;
  /** How roles ended that their faults ended, in order. */
  readonly fallen: { role: string; finished: Finished }[] = [];

  constructor(readonly options: FederationOptions) {
    this.#port = options.port ?? freePort();
  }

  state(role: string): string {
    return `${this.options.dir}/${this.options.name}/${role}`;
  }

  /** The command line of a role. */
  args(role: string): string[] {
    const { seed = 0, rounds = 2, flags = ["--batch", "8"], doors = {} } = this.options;
    return commandOf(role, {
      port: doors[role] ?? this.#port,
      state: this.state(role),
      wait: "2m",
      hub: ["--silos", SILOS.join(","), "--rounds", String(rounds), "--seed", String(seed), ...flags],
    });
  }

  async #role(role: string, running: Set<Running>): Promise<Record<string, unknown>> {
    const faults = this.options.faults?.[role] ?? [];
    for (let life = 0;; life++) {
      const process = await start(this.args(role), { cwd: this.options.dir, fault: faults[life] });
      running.add(process);
      const finished = await process.finished;
      running.delete(process);
      if (finished.code === 0 || life >= faults.length) return objectOf(finished, role);
      this.fallen.push({ role, finished });
    }
  }

  /** The results by role. */
  async run(): Promise<Results> {
    const order = this.options.order ?? ["hub", ...SILOS];
    const running = new Set<Running>();
    try {
      const roles = order.map(async (role, index) => {
        await pause(index * 400);
        return [role, await this.#role(role, running)] as const;
      });
      return Object.fromEntries(await Promise.all(roles));
    } finally {
      for (const { child } of running) child.kill("SIGKILL");
      await Promise.all([...running].map((process) => process.finished));
    }
  }
}

/** SHA-256 of the selected and of the last model. */
export const hashes = ({ hub }: Results) => [hub.sha256, hub.last_sha256];
