/**
 * A federation without an engine: real roles, wire and state, a trainer whose deltas are pseudo-random.
 *
 * Also a program of its own: `fake_federation.ts JSON` runs one role as a process, which may kill itself
 * with SIGKILL at a named fault point.
 */
import { fileURLToPath } from "node:url";
import { initCa, issue } from "../../src/fed/ca.ts";
import { runAggregator } from "../../src/fed/aggregator.ts";
import type { FedEvent } from "../../src/fed/event.ts";
import type { Proposal } from "../../src/fed/protocol.ts";
import { readRecording } from "../../src/fed/replay.ts";
import { runSilo } from "../../src/fed/silo.ts";
import type { ShardFacts, SplitScores, Trainer, TrainerSettings, TrainRow } from "../../src/fed/trainer.ts";
import { digest, preprocessingOf } from "../../src/model/checkpoint.ts";
import { type Layout, layoutOf } from "../../src/model/layout.ts";
import { PURPOSE, uniforms } from "../../src/model/philox.ts";
import { preset } from "../../src/model/recipe.ts";
import { inFolder } from "../folder.ts";

/** A layout of a few thousand values: two weight tensors and one of statistics. */
export const TINY: Layout = {
  network: "efficientnet_b0",
  channels: 1,
  tensors: [
    { name: "a.weight", shape: [60, 50], offset: 0, length: 3000, kind: "weight", group: "backbone" },
    { name: "b.weight", shape: [1000], offset: 3000, length: 1000, kind: "weight", group: "classifier" },
    { name: "b.running_var", shape: [96], offset: 4000, length: 96, kind: "statistic", group: "backbone" },
  ],
  length: 4096,
  weights: 4000,
};
export const FULL: Layout = layoutOf("efficientnet_b0", { channels: 1 });

const IMAGES = 96;
/** Random numbers that a delta repeats: no trainer of a large vector holds a second one of them. */
const NOISE = 1 << 16;

export function startVector(layout: Layout, seed = 1): Float32Array {
  return uniforms({ seed, silo: 0 }, { purpose: PURPOSE.init }, layout.length).map((x) => x - 0.5);
}

export function proposalOf(start: Float32Array, changes: Partial<Proposal> = {}): Proposal {
  return {
    version: 1,
    wire: 1,
    network: "efficientnet_b0",
    size: 32,
    channels: 1,
    preprocessing: preprocessingOf(1),
    labelRule: "any-finding",
    recipe: preset("default"),
    seed: 7,
    rounds: 4,
    budget: null,
    localEpochs: 1,
    silos: ["a", "b", "c"],
    quorum: 3,
    roundTimeout: 60,
    joinTimeout: 60,
    init: { kind: "random", source: "random, seed 1", sha256: digest(start) },
    histogram: { bins: 62, low: -8, high: 8 },
    ...changes,
  };
}

export interface FakeOptions {
  layout: Layout;
  silo: string;
  /** Seconds each step takes. */
  delay?: number;
  /** Breaks the trained vector: NaN in the first element. */
  broken?: boolean;
  /** From this step on it trains until it is aborted. */
  stuckFrom?: number;
  size?: number;
}

/** Draws deltas from (seed, silo, first step, vector) and scores with a dot product; trains nothing. */
export class FakeTrainer implements Trainer {
  readonly layout: Layout;
  readonly info = { device: "cpu", threads: 1, build: "fake" };
  readonly shard: ShardFacts;
  readonly #options: FakeOptions;
  #settings: TrainerSettings | null = null;
  #vector: Float32Array = new Float32Array(0);
  #noise = new Float32Array(0);
  disposed = false;

  constructor(options: FakeOptions) {
    this.#options = options;
    this.layout = options.layout;
    const split = { images: IMAGES, patients: IMAGES, positives: IMAGES / 2 };
    this.shard = {
      shard: digest(Float32Array.from(new TextEncoder().encode(options.silo))),
      splits: { train: split, val: split, test: split },
      size: options.size ?? 32,
      kernel: preprocessingOf(1).kernel,
      fit: "fill",
      labelRule: "any-finding",
    };
  }

  configure(settings: TrainerSettings): Promise<void> {
    this.#settings = settings;
    const { seed, silo } = settings;
    this.#noise = uniforms({ seed, silo }, { purpose: PURPOSE.measure }, Math.min(NOISE, this.layout.length));
    return Promise.resolve();
  }

  stepsPerSecond(): Promise<number> {
    return Promise.resolve(100);
  }

  load(vector: Float32Array): Promise<void> {
    this.#vector = vector;
    return Promise.resolve();
  }

  async train(
    row: TrainRow,
    options: { onStep?: (k: number, loss: number) => void; signal?: AbortSignal } = {},
  ) {
    for (let k = 1; k <= row.steps; k++) {
      options.signal?.throwIfAborted();
      if (row.firstStep >= (this.#options.stuckFrom ?? Infinity)) await aborted(options.signal!);
      if (this.#options.delay) {
        await new Promise((resolve) => setTimeout(resolve, this.#options.delay! * 1000));
      }
      options.onStep?.(k, 1 / k);
    }
    const noise = this.#noise, n = noise.length;
    const vector = this.#vector.slice();
    for (let i = 0, j = row.firstStep % n; i < vector.length; i++, j = j + 1 === n ? 0 : j + 1) {
      vector[i] += (noise[j] - 0.5) * 0.02;
    }
    if (this.#options.broken) vector[0] = NaN;
    return { vector, images: row.steps * this.#settings!.recipe.batch };
  }

  score(): Promise<SplitScores> {
    const key = { seed: 3, silo: this.#settings!.silo };
    const logits = new Float32Array(IMAGES),
      labels = new Uint8Array(IMAGES),
      patients = new Uint32Array(IMAGES);
    for (let i = 0; i < IMAGES; i++) {
      labels[i] = i % 2;
      patients[i] = i;
      const features = uniforms(key, { purpose: PURPOSE.phantom, position: i }, 16);
      logits[i] = features.reduce((sum, x, k) => sum + (x - 0.5) * this.#vector[k], labels[i] * 0.3);
    }
    return Promise.resolve({ logits, labels, patients });
  }

  [Symbol.dispose](): void {
    this.disposed = true;
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}

/** A temporary folder with a CA and certificates for the aggregator and the silos. */
export async function withFederation(
  body: (dir: string) => Promise<void>,
  silos: readonly string[] = ["a", "b", "c"],
): Promise<void> {
  await inFolder(async (dir) => {
    await initCa(`${dir}/ca`);
    await issue({ name: "aggregator", role: "aggregator", ca: `${dir}/ca`, out: `${dir}/tls-aggregator` });
    for (const name of silos) {
      await issue({ name, role: "silo", ca: `${dir}/ca`, out: `${dir}/tls-${name}` });
    }
    await body(dir);
  });
}

/** A port that was free a moment ago. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  return port;
}

/** The flags that this process resolves its imports with, for its children. */
export async function childFlags(): Promise<string[]> {
  const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
  const line = (await Deno.readTextFile("/proc/self/cmdline")).split("\0");
  const at = line.findIndex((argument) => argument.startsWith("--import-map"));
  if (at < 0) return ["--config", config];
  const map = line[at].includes("=") ? [line[at]] : [line[at], line[at + 1]];
  return ["--config", config, "--no-lock", ...map];
}

/** What one role is told. */
export interface RoleSpec {
  dir: string;
  port: number;
  /** "aggregator" or a silo's name. */
  role: string;
  full?: boolean;
  seed?: number;
  rounds?: number;
  delay?: number;
  stuckFrom?: number;
  /** Seconds after which a silent silo counts as lost; with it a silo's heart beats five times in them. */
  silence?: number;
  /** Fault point, or `event:TYPE`, at which the process kills itself, and at which passing of it (from 1). */
  kill?: { point: string; nth: number };
  proposal?: Partial<Proposal>;
  /** State folder of an aggregator whose rows are run again. */
  replay?: string;
  /** Appended to the names of the roles' state folders. */
  suffix?: string;
}

/** Runs the role in this process. */
export async function runRole(
  spec: RoleSpec,
  options: {
    onEvent?: (event: FedEvent) => void;
    signal?: AbortSignal;
    broken?: boolean;
    wait?: number;
    ready?: () => Promise<void>;
  } = {},
) {
  const layout = spec.full ? FULL : TINY;
  const start = startVector(layout);
  let passed = 0;
  const faultPoint = (name: string) => {
    if (name !== spec.kill?.point || ++passed !== spec.kill.nth) return;
    console.log(`killed at ${name}`);
    Deno.kill(Deno.pid, "SIGKILL");
  };
  const onEvent = (event: FedEvent) => {
    options.onEvent?.(event);
    faultPoint(`event:${event.type}`);
  };
  const common = {
    tls: `${spec.dir}/tls-${spec.role}`,
    state: `${spec.dir}/state-${spec.role}${spec.suffix ?? ""}`,
    faultPoint,
    onEvent,
    signal: options.signal,
  };
  if (spec.role === "aggregator") {
    const changes = { seed: spec.seed ?? 7, rounds: spec.rounds ?? 4, ...spec.proposal };
    const listen = { host: "127.0.0.1", port: spec.port };
    const { silence } = spec;
    const origin = spec.replay === undefined
      ? { proposal: proposalOf(start, changes), start }
      : await readRecording(spec.replay, { into: common.state });
    return await runAggregator({ ...common, ...origin, listen, layout, silence });
  }
  return await runSilo({
    ...common,
    silo: spec.role,
    server: new URL(`https://127.0.0.1:${spec.port}`),
    wait: options.wait ?? 30,
    heartbeat: spec.silence === undefined ? undefined : spec.silence / 5,
    ready: options.ready,
    trainer: () =>
      Promise.resolve(
        new FakeTrainer({ ...spec, layout, silo: spec.role, broken: options.broken }),
      ),
  });
}

if (import.meta.main) {
  const spec = JSON.parse(Deno.args[0]) as RoleSpec;
  const result = await runRole(spec, {
    onEvent: (event) => {
      const { type } = event;
      const at = Date.now() / 1000;
      if (type === "row") console.log(JSON.stringify({ at, type, round: event.row.round }));
      if (type === "committed") console.log(JSON.stringify({ at, type }));
      if (type === "update_counted") {
        console.log(JSON.stringify({ type, round: event.round, silo: event.silo }));
      }
    },
  });
  console.log(JSON.stringify({ result }));
}
