/**
 * The demo's federation: an aggregator and three silos as processes of their own.
 *
 * Why a run without a round ends the demo: its “federated” model would be the start, and beside models that were
 * trained it would say something about federation that is not so.
 */
import { formatDuration } from "../../options/duration.ts";
import type { FedEvent } from "../../../fed/protocol/event.ts";
import type { AggregatorResult } from "../../../fed/training/result.ts";
import { EventTail, readEvents, waitForEvent } from "../../output/history.ts";
import type { Output } from "../../output/output.ts";
import { score } from "../../output/table.ts";
import { refusal } from "../../../refusal.ts";
import { type DemoHospitals, SILOS } from "./hospitals.ts";
import { type Passes, passesOf } from "./passes.ts";
import type { Processes } from "./processes.ts";

/** Arguments that all who train, and all who compute, have in common. */
export interface Shared {
  training: readonly string[];
  computing: readonly string[];
}

/** How long the federation lasts: so many rounds, or seconds of a demo of so many minutes. */
export type Length = { rounds: number } | { minutes: number; budget: number };

interface FederationOptions {
  dir: string;
  hospitals: DemoHospitals;
  shared: Shared;
  length: Length;
  output: Output;
  signal: AbortSignal;
}

/** What a federation of at least one round left. */
export interface Federation {
  /** What the aggregator printed. */
  result: AggregatorResult;
  passes: Passes;
}

/** Runs aggregator and silos as four processes. @throws {Error} when they fail, or no round was finished. */
export async function federate(processes: Processes, options: FederationOptions): Promise<Federation> {
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
    return { result: result as unknown as AggregatorResult, passes: passesOf(await readEvents(events)) };
  } catch (error) {
    signal.throwIfAborted();
    throw "budget" in options.length && withoutRound(await readEvents(events))
      ? noRound(options.length, error)
      : error;
  } finally {
    done.abort();
    await watching;
  }
}

function startAggregator(processes: Processes, { dir, hospitals, shared, length }: FederationOptions) {
  const limit = "rounds" in length ? ["--rounds", String(length.rounds)] : ["--budget", `${length.budget}s`];
  return processes.start("aggregator", [
    ...["aggregate", "--silos", SILOS.join(","), "--listen", "127.0.0.1:0", "--tls", `${dir}/tls-hub`],
    ...["--state", `${dir}/state/aggregator`, "--size", String(hospitals.size), ...limit],
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

/** Whether the time ended in the first round. */
function withoutRound(events: readonly FedEvent[]): boolean {
  return events.some(({ type }) => type === "abandoned") && !events.some(({ type }) => type === "committed");
}

function noRound({ minutes, budget }: { minutes: number; budget: number }, cause: unknown): Error {
  return refusal(Error, {
    what: "Cannot compare the hospitals",
    expected: `at least one finished round in the federation's ${formatDuration(budget)}`,
    got: "none",
    remedy: `give the demo longer, such as --minutes ${2 * minutes}`,
  }, { cause });
}
