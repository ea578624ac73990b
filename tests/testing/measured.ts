/**
 * A federation of processes whose memory and processor time are read: real roles, wire and state, any number of
 * silos, a vector of any size, a trainer that draws random deltas.
 */
import { fileURLToPath } from "node:url";
import type { AggregatorResult } from "../../src/fed/training/result.ts";
import { digest } from "../../src/files/digest.ts";
import { writeDurably } from "../../src/files/durable.ts";
import { SiloState } from "../../src/fed/silo/state.ts";
import { HEAP } from "../../tools/permissions.ts";
import { childFlags, linesOf } from "./child.ts";
import { freePort } from "./free_port.ts";
import { withFederation } from "./fake_federation.ts";
import { peakOf, type ProcessSpec, vectorWith } from "./measured_roles.ts";

const PROGRAM = fileURLToPath(new URL("./measured_roles.ts", import.meta.url));
/** Processes that more silos than these share. */
const PROCESSES = 4;
/** Clock ticks a second of /proc/PID/stat; 100 on every Linux that Deno runs on. */
const TICKS = 100;

/** A moment that the aggregator told of. */
export interface Mark {
  type: string;
  /** Wall-clock seconds, from the aggregator. */
  at: number;
  /** CPU seconds of all processes when the line was read. */
  cpu: number;
}

/** What a federation took. Peaks are VmHWM, bytes; of the silos, the largest process. */
export interface Measured {
  marks: Mark[];
  /** Absent when it was stopped before its end. */
  result?: AggregatorResult;
  aggregator: number;
  silos: number;
}

/** How much there is to do. */
export interface FederationSize {
  /** Of the vector. */
  values: number;
  rounds: number;
  /** Whether the updates are masked. @default false */
  masked?: boolean;
  /**
   * Every silo has its update from the start, all of them one file, and the federation is stopped once a round is
   * committed: so thirty silos fit one machine, however large the vector. @default false
   */
  uploadOnly?: boolean;
}

/** What is measured, and where. */
export interface MeasureOptions extends FederationSize {
  /** Folder with the certificates of `withFederation`; the states are written there. */
  dir: string;
  silos: string[];
}

/** Measures a federation of so many silos in a folder of its own. */
export async function measureSilos(count: number, size: FederationSize): Promise<Measured> {
  const silos = Array.from({ length: count }, (_, i) => `silo-${i + 1}`);
  let measured!: Measured;
  await withFederation(async (dir) => {
    measured = await measure({ ...size, dir, silos });
  }, silos);
  return measured;
}

/** Runs the federation as processes and reads what they take. @throws {Error} when one of them fails. */
export async function measure(options: MeasureOptions): Promise<Measured> {
  const spec = { ...options, port: freePort() };
  const groups: string[][] = Array.from({ length: Math.min(PROCESSES, options.silos.length) }, () => []);
  options.silos.forEach((silo, i) => groups[i % groups.length].push(silo));
  const aggregator = await start({ ...spec, roles: ["aggregator"] });
  const children: Deno.ChildProcess[] = [aggregator];
  const peaks: Promise<string>[] = [];
  const startSilos = async () => {
    for (const roles of groups) {
      const child = await start({ ...spec, roles });
      children.push(child);
      peaks.push(new Response(child.stdout).text());
    }
  };
  if (!options.uploadOnly) await startSilos();
  const measured: Measured = { marks: [], aggregator: 0, silos: 0 };
  try {
    for await (const line of linesOf(aggregator.stdout)) {
      const { result, peak, run, ...mark } = JSON.parse(line);
      if (result !== undefined) Object.assign(measured, { result, aggregator: peak });
      else measured.marks.push({ ...mark, cpu: cpuSeconds(children.map(({ pid }) => pid)) });
      if (options.uploadOnly && mark.type === "listening") {
        await storeUpdates(options, run);
        await startSilos();
      }
      if (!options.uploadOnly || mark.type !== "committed") continue;
      measured.aggregator = peakOf(aggregator.pid);
      return measured;
    }
    for (const text of peaks) measured.silos = Math.max(measured.silos, JSON.parse(await text || "{}").peak);
    const codes = await Promise.all(children.map(async ({ status }) => (await status).code));
    if (codes.every((code) => code === 0)) return measured;
    throw new Error(`Cannot measure: expected every role to end with 0, got ${codes}`);
  } finally {
    for (const child of children) stop(child);
    await Promise.all([...children.map(({ status }) => status), ...peaks]);
  }
}

async function start(spec: ProcessSpec): Promise<Deno.ChildProcess> {
  const args = ["run", "-A", HEAP, ...await childFlags(), PROGRAM, JSON.stringify(spec)];
  return new Deno.Command(Deno.execPath(), { args, stdout: "piped", stderr: "inherit" }).spawn();
}

function stop(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch {
    // It has ended.
  }
}

/** Gives every silo a written update of round 1, as if it had been killed before it sent it. */
async function storeUpdates(options: MeasureOptions, run: string): Promise<void> {
  const { dir, silos, values } = options;
  const update = vectorWith(values, 0.01);
  const file = `${dir}/update.f32`;
  await writeDurably(file, new Uint8Array(update.buffer));
  const base = digest(vectorWith(values, 1));
  const sha256 = digest(update);
  for (const silo of silos) {
    using state = await SiloState.open(`${dir}/state-${silo}`, { silo });
    await Deno.link(file, state.updatePath);
    const scores = { run, round: 1, auroc: 0.5, se: 0.06, loss: 1, positives: 48, negatives: 48 };
    state.commitPart({ run, round: 1, base, sha256, scores }, { trained: 96, scored: 96 });
  }
}

/** CPU seconds of the processes so far. */
function cpuSeconds(pids: number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    try {
      const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).split(") ")[1].split(" ");
      ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // A process that has ended no longer counts; its last round was read before.
    }
  }
  return ticks / TICKS;
}
