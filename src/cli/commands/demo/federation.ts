// Why: the demo's federation is what a hospital would run: an aggregator and three silos as processes of their own.
import { formatDuration } from "../../options/duration.ts";
import type { AggregatorResult } from "../../../fed/training/result.ts";
import { EventTail, waitForEvent } from "../../output/history.ts";
import type { Output } from "../../output/output.ts";
import { score } from "../../output/table.ts";
import { type DemoHospitals, SILOS } from "./hospitals.ts";
import type { Processes } from "./processes.ts";

/** Arguments that all who train, and all who compute, have in common. */
export interface Shared {
  training: readonly string[];
  computing: readonly string[];
}

interface FederationOptions {
  dir: string;
  hospitals: DemoHospitals;
  shared: Shared;
  /** Over the training films of each hospital, one a round. */
  passes: number;
  output: Output;
  signal: AbortSignal;
}

/** Runs aggregator and silos as four processes; gives what the aggregator printed. @throws {Error} when one of them fails. */
export async function federate(processes: Processes, options: FederationOptions): Promise<AggregatorResult> {
  const { dir, output, signal } = options;
  const events = `${dir}/state/aggregator/events.jsonl`;
  const aggregator = startAggregator(processes, options);
  const failed = aggregator.result.then(() => {
    throw new Error(`Cannot run the demo: the aggregator ended before it listened (see ${aggregator.log}).`);
  });
  const listening = await Promise.race([waitForEvent(events, { type: "listening", signal }), failed]);
  const silos = startSilos(processes, { ...options, port: listening.port });
  const done = new AbortController();
  const watching = watch(events, output, AbortSignal.any([signal, done.signal]));
  try {
    const [result] = await Promise.all([aggregator, ...silos].map((role) => role.result));
    return result as unknown as AggregatorResult;
  } finally {
    done.abort();
    await watching;
  }
}

function startAggregator(processes: Processes, { dir, hospitals, shared, passes }: FederationOptions) {
  return processes.start("aggregator", [
    ...["aggregate", "--silos", SILOS.join(","), "--listen", "127.0.0.1:0", "--tls", `${dir}/tls-hub`],
    ...["--state", `${dir}/state/aggregator`, "--size", String(hospitals.size)],
    ...["--rounds", String(passes)],
    ...shared.training,
  ]);
}

function startSilos(
  processes: Processes,
  { dir, hospitals, shared, port }: FederationOptions & { port: number },
) {
  return SILOS.map((silo) =>
    processes.start(`silo-${silo}`, [
      "train",
      ...["--silo", silo, "--server", `https://127.0.0.1:${port}`, "--tls", `${dir}/tls-${silo}`],
      ...["--shard", hospitals.shards[silo], "--state", `${dir}/state/${silo}`],
      ...["--site", `${dir}/site-${silo}`],
      ...shared.computing,
      ...["--wait", "2m"],
    ])
  );
}

/** Shows each model once all hospitals have scored it. */
async function watch(path: string, output: Output, signal: AbortSignal): Promise<void> {
  const tail = new EventTail(path);
  const took = new Map([[0, "start"]]);
  const scores = new Map<number, Map<string, number | null>>();
  while (!signal.aborted) {
    for (const event of await tail.next()) {
      if (event.type === "committed") took.set(event.round, formatDuration(event.seconds));
      if (event.type !== "scored") continue;
      const round = event.round - 1; // a round begins with the scores of the model before it
      const all = scores.get(round) ?? new Map();
      const told = all.size === SILOS.length;
      scores.set(round, all.set(event.silo, event.scores.auroc));
      if (told || all.size < SILOS.length) continue;
      const list = [...all].sort().map(([silo, auroc]) => `${silo} ${score(auroc)}`).join(", ");
      output.line(`  round ${round} (${took.get(round)}): val AUROC ${list}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}
