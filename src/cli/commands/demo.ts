import type { AggregatorResult } from "../../fed/training/result.ts";
import { PRIVATE_DIR } from "../../files/private.ts";
import { plural } from "../../plural.ts";
import { formatDuration } from "../options/duration.ts";
import type { Context } from "../context.ts";
import type { Values } from "../options/option.ts";
import type { demo } from "../options/table/demo.ts";
import type { Output } from "../output/output.ts";
import { reportHtml, resultTable } from "../output/report/demo.ts";
import { federate, type Shared } from "./demo/federation.ts";
import { BATCH, type DemoHospitals, makeHospitals, SILOS } from "./demo/hospitals.ts";
import { describePasses, type Passes, wholePasses } from "./demo/passes.ts";
import { Processes } from "./demo/processes.ts";
import { measure, type Measured } from "./demo/measure.ts";

/** Shares of the whole time; what is left is for phantoms, scoring and start-up. */
const FEDERATION_SHARE = 0.42;
/** A file that says: this folder is the demo's, it may be emptied. */
const MARKER = ".fedx-demo";

/**
 * Three hospitals on sample radiographs, from certificates to the report.
 *
 * @param work what draws films and what scores models; tests have neither time nor an engine for them
 */
export async function run(
  { values, output, signal }: Context<typeof demo>,
  work = { makeHospitals, measure },
): Promise<void> {
  const { minutes, rounds, size, films, seed, device } = values;
  const clock = new Clock();
  const dir = await emptyFolder(values.out);
  await using processes = new Processes({ logs: `${dir}/logs`, signal });
  output.line("The films of this demo are drawn, not taken.");
  const hospitals = await work.makeHospitals(dir, { size, films, seed, output, signal });
  clock.lap("films");
  const budget = Math.round(minutes * 60 * FEDERATION_SHARE);
  const length = rounds === undefined ? { minutes, budget } : { rounds };
  const lasting = rounds === undefined ? formatDuration(budget) : plural(rounds, "round");
  output.line(`Federation: one aggregator and three silos, ${lasting}.`);
  const all = { dir, hospitals, shared: sharedOf(values, hospitals), output };
  const federated = await federate(processes, { ...all, length, signal });
  clock.lap("federation");
  const passes = { federated: federated.passes, alone: wholePasses(federated.passes) };
  output.line(`Each hospital alone; passes over its films: ${describePasses(passes)}.`);
  const local = await trainAlone(processes, { ...all, passes: passes.alone });
  clock.lap("local");
  const measured = await work.measure({ federated: federated.result.model, local, hospitals, device });
  clock.lap("scoring");
  const report = `${dir}/report.html`;
  const facts = { measured, passes, federated: federated.result, seconds: clock.seconds };
  await Deno.writeTextFile(report, reportHtml(facts));
  output.result(
    summary(measured, { result: federated.result, passes, seconds: clock.seconds, report }),
    `${resultTable(facts)}\n\nReport: ${report}`,
  );
}

/** What all who train have in common, and all who compute: the comparison is of federation alone. */
function sharedOf(values: Values<typeof demo>, { threads }: DemoHospitals): Shared {
  const { seed, init, weights, device, deterministic } = values;
  const start = ["--init", init, ...weights === undefined ? [] : ["--weights", weights]];
  return {
    training: ["--seed", String(seed), "--batch", String(BATCH), ...start],
    computing: [
      ...["--device", device, "--threads", String(threads)],
      ...deterministic ? ["--deterministic"] : [],
    ],
  };
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

/** One model per hospital from its own films only; the three share the machine as the silos did. */
async function trainAlone(
  processes: Processes,
  options: { dir: string; passes: Passes; shared: Shared; hospitals: DemoHospitals; output: Output },
): Promise<Record<string, string>> {
  const { dir, hospitals, shared, output } = options;
  const models = await Promise.all(SILOS.map(async (silo) => {
    const out = `${dir}/local-${silo}.safetensors`;
    const { seconds } = await processes.run(`local-${silo}`, [
      "local",
      ...["--shard", hospitals.shards[silo], "--epochs", String(options.passes[silo]), "--out", out],
      ...shared.training,
      ...shared.computing,
    ]);
    output.line(`  ${silo} alone: done in ${formatDuration(Number(seconds))}`);
    return [silo, out];
  }));
  return Object.fromEntries(models);
}
