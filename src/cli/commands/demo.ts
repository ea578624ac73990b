import type { FedEvent } from "../../fed/protocol/event.ts";
import type { AggregatorResult } from "../../fed/training/result.ts";
import { PRIVATE_DIR } from "../../files/private.ts";
import { type DemoHospitals, makeHospitals, SILOS } from "./demo/hospitals.ts";
import { formatDuration } from "../options/duration.ts";
import { EventTail, readEvents, waitForEvent } from "../output/history.ts";
import type { Context } from "../context.ts";
import type { demo } from "../options/table/demo.ts";
import type { Output } from "../output/output.ts";
import { Processes } from "./demo/processes.ts";
import { measure, type Measured } from "./demo/measure.ts";
import { reportHtml, resultTable } from "../output/report/demo.ts";
import { score } from "../output/table.ts";

/** Shares of the whole time; what is left is for phantoms, scoring and start-up. */
const FEDERATION_SHARE = 0.42;
/** Images per step: films are few, so smaller batches give more steps of the same passes. */
const BATCH = 16;
/** A file that says: this folder is the demo's, it may be emptied. */
const MARKER = ".fedx-demo";

/** Three hospitals on sample radiographs, from certificates to the report. */
export async function run({ values, output, signal }: Context<typeof demo>): Promise<void> {
  const clock = new Clock();
  const dir = await emptyFolder(values.out);
  await using processes = new Processes({ logs: `${dir}/logs`, signal });
  output.line("The films of this demo are drawn, not taken.");
  const hospitals = await makeHospitals(dir, { seed: values.seed, output, signal });
  clock.lap("films");
  const budget = Math.round(values.minutes * 60 * FEDERATION_SHARE);
  output.line(`Federation: one aggregator and three silos, ${formatDuration(budget)}.`);
  const federated = await federate(processes, { dir, hospitals, budget, seed: values.seed, output, signal });
  clock.lap("federation");
  const passes = passesOf(federated.events);
  output.line(`Each hospital alone, ${passes} passes each, as many as in the federation.`);
  const local = await trainAlone(processes, { dir, passes, seed: values.seed, hospitals, output });
  clock.lap("local");
  const measured = await measure({ federated: federated.result.model, local, hospitals });
  clock.lap("scoring");
  const report = `${dir}/report.html`;
  const facts = { measured, passes, federated: federated.result, seconds: clock.seconds };
  await Deno.writeTextFile(report, reportHtml(facts));
  output.result(
    summary(measured, { result: federated.result, passes, seconds: clock.seconds, report }),
    `${resultTable(facts)}\n\nReport: ${report}`,
  );
}

/** What --json prints. */
function summary(
  measured: Measured,
  { result, ...rest }: { result: AggregatorResult } & Record<string, unknown>,
): Record<string, unknown> {
  const { degraded, missing, rounds } = result;
  const { test, silos, local } = measured;
  return { degraded, missing, test, silos, local, rounds, ...rest };
}

/** Seconds by phase. */
class Clock {
  readonly seconds: Record<string, number> = {};
  #last = performance.now();
  readonly #first = this.#last;

  lap(phase: string): void {
    const now = performance.now();
    this.seconds[phase] = (now - this.#last) / 1000;
    this.seconds.total = (now - this.#first) / 1000;
    this.#last = now;
  }
}

/** An empty folder of the demo: an older demo is removed, anybody else's folder is refused. */
async function emptyFolder(dir: string): Promise<string> {
  await Deno.mkdir(dir, { recursive: true, mode: PRIVATE_DIR });
  const names: string[] = [];
  for await (const entry of Deno.readDir(dir)) names.push(entry.name);
  if (names.length > 0 && !names.includes(MARKER)) {
    throw new Error(
      `Cannot use ${dir}: expected an empty folder or one of an earlier demo, got other files; choose another --out.`,
    );
  }
  for (const name of names) if (name !== MARKER) await Deno.remove(`${dir}/${name}`, { recursive: true });
  await Deno.writeTextFile(`${dir}/${MARKER}`, "Made by `fedx demo`, which empties this folder.\n");
  await Deno.mkdir(`${dir}/logs`, { mode: PRIVATE_DIR });
  return dir;
}

interface FederationOptions {
  dir: string;
  hospitals: DemoHospitals;
  /** Seconds. */
  budget: number;
  seed: number;
  output: Output;
  signal: AbortSignal;
}

/** Aggregator and silos as four processes; returns what the aggregator printed and recorded. */
async function federate(
  processes: Processes,
  options: FederationOptions,
): Promise<{ result: AggregatorResult; events: FedEvent[] }> {
  const { dir, hospitals, output, signal } = options;
  const state = `${dir}/state/aggregator`;
  const events = `${state}/events.jsonl`;
  const aggregator = processes.start("aggregator", [
    "aggregate",
    ...["--silos", SILOS.join(","), "--listen", "127.0.0.1:0", "--tls", `${dir}/tls-hub`, "--state", state],
    ...["--size", String(hospitals.size), "--budget", `${options.budget}s`, "--seed", String(options.seed)],
    ...["--batch", String(BATCH)],
  ]);
  const failed = aggregator.result.then(() => {
    throw new Error(`Cannot run the demo: the aggregator ended before it listened (see ${aggregator.log}).`);
  });
  const listening = await Promise.race([waitForEvent(events, { type: "listening", signal }), failed]);
  const silos = SILOS.map((silo) =>
    processes.start(`silo-${silo}`, [
      "train",
      ...["--silo", silo, "--server", `https://127.0.0.1:${listening.port}`, "--tls", `${dir}/tls-${silo}`],
      ...["--shard", hospitals.shards[silo], "--state", `${dir}/state/${silo}`],
      ...["--threads", String(hospitals.threads), "--wait", "2m"],
    ])
  );
  const done = new AbortController();
  const watching = watch(events, output, AbortSignal.any([signal, done.signal]));
  try {
    const all = Promise.all([aggregator, ...silos].map((role) => role.result));
    const [result] = await all;
    return { result: result as unknown as AggregatorResult, events: await readEvents(events) };
  } finally {
    done.abort();
    await watching;
  }
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

/** Mean passes over a hospital's training images in the federation, at least 1. */
function passesOf(events: readonly FedEvent[]): number {
  const last = events.findLast((event) => event.type === "row");
  const passes = Object.values(last?.row.silos ?? {}).map(({ to }) => to);
  return Math.max(1, Math.round(passes.reduce((sum, one) => sum + one, 0) / Math.max(1, passes.length)));
}

/** One model per hospital from its own films only; the three share the machine as the silos did. */
async function trainAlone(
  processes: Processes,
  options: { dir: string; passes: number; seed: number; hospitals: DemoHospitals; output: Output },
): Promise<Record<string, string>> {
  const { dir, hospitals, output } = options;
  const models = await Promise.all(SILOS.map(async (silo) => {
    const out = `${dir}/local-${silo}.safetensors`;
    const { seconds } = await processes.run(`local-${silo}`, [
      "local",
      ...["--shard", hospitals.shards[silo], "--epochs", String(options.passes), "--out", out],
      ...["--threads", String(hospitals.threads), "--seed", String(options.seed), "--batch", String(BATCH)],
    ]);
    output.line(`  ${silo} alone: done in ${formatDuration(Number(seconds))}`);
    return [silo, out];
  }));
  return Object.fromEntries(models);
}
