/**
 * A federation whose silos speak over bad lines.
 *
 * Also a program of its own: `over_bad_network.ts JSON` runs a trial in one process, which may have been put into a
 * network namespace whose loopback is bad by itself.
 */
import type { AggregatorResult, SiloResult } from "../../src/fed/training/result.ts";
import { freePort } from "./free_port.ts";
import { BadNetwork, type Line } from "./bad_network.ts";
import { receiptsOf, runRole, withFederation } from "./fake_federation.ts";

/** A federation of three silos with the injected trainer; `line`: null is a sound one. */
export interface Trial {
  line: Line | null;
  rounds: number;
  full: boolean;
}

/** How a trial ended. */
export interface Outcome {
  sha256: string;
  last: string;
  /** Round, silo and digest of each counted update. */
  receipts: string[];
  /** SHA-256 of the model that each silo stored. */
  silos: string[];
  degraded: boolean;
  rounds: number;
  seconds: number;
  /** Of all lines. */
  done: BadNetwork["done"];
}

/** Runs a federation, each silo over a line of its own. */
export async function federateOver({ line, rounds, full }: Trial): Promise<Outcome> {
  let outcome!: Outcome;
  await withFederation(async (dir) => {
    const started = performance.now();
    const port = freePort();
    const done = { connections: 0, resets: 0, losses: 0, bytes: 0 };
    const proposal = { roundTimeout: 1800, joinTimeout: 600 };
    const silo = async (role: string, index: number) => {
      if (line === null) return await runRole({ dir, port, role, full }) as SiloResult;
      await using network = await BadNetwork.open({ ...line, seed: line.seed + index }, port);
      const result = await runRole({ dir, port: network.port, role, full }, { wait: 600 }) as SiloResult;
      for (const key of Object.keys(done) as (keyof typeof done)[]) done[key] += network.done[key];
      return result;
    };
    const [result, ...silos] = await Promise.all([
      runRole({ dir, port, role: "aggregator", rounds, full, proposal }) as Promise<AggregatorResult>,
      ...["a", "b", "c"].map(silo),
    ]);
    outcome = {
      sha256: result.sha256,
      last: result.last_sha256,
      receipts: receiptsOf(`${dir}/state-aggregator`),
      silos: silos.map(({ sha256 }) => sha256),
      degraded: result.degraded,
      rounds: result.rounds,
      seconds: (performance.now() - started) / 1000,
      done,
    };
  });
  return outcome;
}

if (import.meta.main) console.log(JSON.stringify(await federateOver(JSON.parse(Deno.args[0]))));
