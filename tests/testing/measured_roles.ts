/**
 * The program of `measured.ts`: runs the roles of one process and prints what they took.
 *
 * The aggregator's lines are `{type, at, run?}` at moments of the run, then `{result, peak}`; a process with silos
 * prints `{peak}` at its end.
 */
import { runAggregator } from "../../src/fed/aggregator/aggregator.ts";
import type { FedEvent } from "../../src/fed/protocol/event.ts";
import { runSilo } from "../../src/fed/silo/silo.ts";
import type { Layout, Tensor } from "../../src/model/layout.ts";
import { proposalOf } from "./fake_federation.ts";
import { FakeTrainer, FULL } from "./fake_trainer.ts";

/** What one process is told. */
export interface ProcessSpec {
  dir: string;
  port: number;
  /** `["aggregator"]`, or silos. */
  roles: string[];
  silos: string[];
  rounds: number;
  /** f32 values of the vector. */
  values: number;
  /** @default false */
  masked?: boolean;
}

/** EfficientNet-B0's layout when it has as many values, else tensors of a million, a hundredth of them statistics. */
export function layoutWith(values: number): Layout {
  if (values === FULL.length) return FULL;
  const tensors: Tensor[] = [];
  const weights = values - Math.floor(values / 100);
  for (let offset = 0; offset < values;) {
    const kind = offset < weights ? "weight" : "statistic";
    const length = Math.min(1e6, (offset < weights ? weights : values) - offset);
    tensors.push({ name: `${kind}.${offset}`, shape: [length], offset, length, kind, group: "backbone" });
    offset += length;
  }
  return { network: "efficientnet_b0", channels: 1, tensors, length: values, weights };
}

/** Values in (−½, ½) · `range`, repeated after a prime number of them. */
export function vectorWith(values: number, range: number): Float32Array<ArrayBuffer> {
  const period = 65_521;
  const vector = new Float32Array(values);
  for (let i = 0, j = 0; i < values; i++, j = j + 1 === period ? 0 : j + 1) {
    vector[i] = (j / period - 0.5) * range;
  }
  return vector;
}

/** VmHWM of a process, bytes. */
export function peakOf(pid: number | "self"): number {
  return 1024 * Number(/VmHWM:\s*(\d+) kB/.exec(Deno.readTextFileSync(`/proc/${pid}/status`))![1]);
}

function print(line: unknown): void {
  console.log(JSON.stringify(line));
}

function tell(event: FedEvent): void {
  const at = Date.now() / 1000;
  if (event.type === "listening") print({ type: event.type, at, run: event.run });
  if (event.type === "row" || event.type === "committed" || event.type === "folded") {
    print({ type: event.type, at });
  }
}

async function aggregate(spec: ProcessSpec): Promise<void> {
  const { dir, port, silos, rounds, values, masked = false } = spec;
  const start = vectorWith(values, 1);
  const proposal = proposalOf(start, {
    silos,
    quorum: silos.length,
    rounds,
    masked: masked ? { minCohort: 3, rosterChanges: 1 } : null,
    joinTimeout: 600,
    roundTimeout: 3600,
  });
  const result = await runAggregator({
    proposal,
    start,
    layout: layoutWith(values),
    listen: { host: "127.0.0.1", port },
    tls: `${dir}/tls-aggregator`,
    state: `${dir}/state-aggregator`,
    onEvent: tell,
  });
  print({ result, peak: peakOf("self") });
}

async function takePart(spec: ProcessSpec, silo: string): Promise<void> {
  const { dir, port, values } = spec;
  await runSilo({
    silo,
    server: new URL(`https://127.0.0.1:${port}`),
    tls: `${dir}/tls-${silo}`,
    state: `${dir}/state-${silo}`,
    site: `${dir}/site-${silo}`,
    wait: 60,
    trainer: () => Promise.resolve(new FakeTrainer({ layout: layoutWith(values), silo })),
  });
}

if (import.meta.main) {
  const spec = JSON.parse(Deno.args[0]) as ProcessSpec;
  if (spec.roles[0] === "aggregator") {
    await aggregate(spec);
  } else {
    await Promise.all(spec.roles.map((silo) => takePart(spec, silo)));
    print({ peak: peakOf("self") });
  }
}
