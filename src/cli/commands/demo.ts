import type { AggregatorResult, LocalResult } from "../../fed/training/result.ts";
import { PRIVATE_DIR } from "../../files/private.ts";
import { plural } from "../../plural.ts";
import { formatDuration } from "../options/duration.ts";
import type { Context } from "../context.ts";
import type { Values } from "../options/option.ts";
import type { demo } from "../options/table/demo.ts";
import type { Output } from "../output/output.ts";
import { type Facts, reportHtml, resultTable } from "../output/report/demo.ts";
import { planPasses } from "./demo/estimate.ts";
import { federate, type Shared } from "./demo/federation.ts";
import { type DemoHospitals, makeHospitals, SILOS } from "./demo/hospitals.ts";
import { measurePace } from "./demo/pace.ts";
import { Processes } from "./demo/processes.ts";
import { measure } from "./demo/measure.ts";

/** A file that says: this folder is the demo's, it may be emptied. */
const MARKER = ".fedx-demo";

/** What of the model that a hospital trained alone is told. */
type Alone = Pick<LocalResult, "model" | "sha256" | "last_sha256">;

/**
 * Three hospitals on sample radiographs, from certificates to the report.
 *
 * @param work what draws films, tries the engine and scores models; tests have neither time nor an engine for them
 */
export async function run(
  { values, output, signal }: Context<typeof demo>,
  work = { makeHospitals, measurePace, measure },
): Promise<void> {
  const { size, films, seed, device, threads, deterministic } = values;
  const clock = new Clock();
  const dir = await emptyFolder(values.out);
  await using processes = new Processes({ logs: `${dir}/logs`, signal });
  output.line("The films of this demo are drawn, not taken.");
  const hospitals = await work.makeHospitals(dir, { size, films, seed, output, signal });
  clock.lap("films");
  output.status("measuring how fast this machine trains");
  const pace = await work.measurePace(hospitals, { device, threads, deterministic, signal });
  output.clear();
  clock.lap("estimate");
  const { passes, lines } = planPasses({ ...values, elapsed: clock.seconds.total }, pace);
  for (const line of lines) output.line(line);
  output.line(`Federation: one aggregator and three silos, ${plural(passes, "round")}.`);
  const all = { dir, hospitals, shared: sharedOf(values), output, passes };
  const federated = await federate(processes, { ...all, signal });
  clock.lap("federation");
  output.line(`Each hospital alone, ${plural(passes, "pass", "passes")}.`);
  const local = await trainAlone(processes, all);
  clock.lap("local");
  const measured = await work.measure({ federated, local, hospitals, computing: { device, threads } });
  clock.lap("scoring");
  const report = `${dir}/report.html`;
  const facts = { measured, passes, federated, seconds: clock.seconds };
  await Deno.writeTextFile(report, reportHtml(facts));
  output.result(
    { ...summary(facts, federated, local), report },
    `${resultTable(facts)}\n\nReport: ${report}`,
  );
}

/** What all who train have in common, and all who compute: the comparison is of federation alone. */
function sharedOf({ seed, init, weights, device, deterministic, threads }: Values<typeof demo>): Shared {
  const start = ["--init", init, ...weights === undefined ? [] : ["--weights", weights]];
  return {
    training: ["--seed", String(seed), ...start],
    computing: [
      ...["--device", device, "--threads", String(threads)],
      ...deterministic ? ["--deterministic"] : [],
    ],
  };
}

/** What --json prints. */
function summary(
  { measured: { test, silos, local }, passes, seconds }: Facts,
  { degraded, missing, rounds, sha256, last_sha256 }: AggregatorResult,
  alone: Record<string, Alone>,
): Record<string, unknown> {
  const own = Object.entries(local).map(([silo, one]) => {
    const { sha256, last_sha256 } = alone[silo];
    return [silo, { ...one, sha256, last_sha256 }];
  });
  return {
    ...{ degraded, missing, test, silos, local: Object.fromEntries(own) },
    ...{ rounds, passes, sha256, last_sha256, seconds },
  };
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

/** One model per hospital from its own films only; the three share the machine as the silos did. */
async function trainAlone(
  processes: Processes,
  options: { dir: string; passes: number; shared: Shared; hospitals: DemoHospitals; output: Output },
): Promise<Record<string, Alone>> {
  const { dir, passes, hospitals, shared, output } = options;
  const models = await Promise.all(SILOS.map(async (silo) => {
    const out = `${dir}/local-${silo}.safetensors`;
    const result = await processes.run(`local-${silo}`, [
      "local",
      ...["--shard", hospitals.shards[silo], "--epochs", String(passes), "--out", out],
      ...shared.training,
      ...shared.computing,
    ]) as unknown as LocalResult;
    output.line(`  ${silo} alone: done in ${formatDuration(result.seconds)}`);
    return [silo, result];
  }));
  return Object.fromEntries(models);
}
