/**
 * A federation without an engine: real roles, wire and state, the trainer of `fake_trainer.ts`.
 *
 * Also a program of its own: `fake_federation.ts JSON`, or with that JSON as its input, runs one role as a process,
 * which may kill itself with SIGKILL at a named fault point.
 */
import { DatabaseSync } from "node:sqlite";
import { EventLog } from "../../src/cli/output/event_log.ts";
import { initCa, issue } from "../../src/fed/pki/ca.ts";
import { type AggregatorOptions, runAggregator } from "../../src/fed/aggregator/aggregator.ts";
import type { FedEvent } from "../../src/fed/protocol/event.ts";
import type { FaultPoint } from "../../src/fed/protocol/fault_point.ts";
import type { Clock } from "../../src/fed/state/run_clock.ts";
import type { Proposal } from "../../src/fed/protocol/messages.ts";
import { readRecording } from "../../src/fed/aggregator/replay.ts";
import type { AggregatorResult, SiloResult } from "../../src/fed/training/result.ts";
import type { Limits } from "../../src/fed/silo/limits.ts";
import { runSilo } from "../../src/fed/silo/silo.ts";
import { digest } from "../../src/files/digest.ts";
import { preprocessingOf } from "../../src/model/weights/model_file.ts";
import { preset } from "../../src/model/recipe.ts";
import { inFolder } from "./folder.ts";
import { freePort } from "./free_port.ts";
import { FakeTrainer, FULL, startVector, TINY } from "./fake_trainer.ts";

export function proposalOf(start: Float32Array, changes: Partial<Proposal> = {}): Proposal {
  return {
    version: 6,
    wire: 8,
    network: "efficientnet_b0",
    size: 32,
    channels: 1,
    preprocessing: preprocessingOf(1),
    labelRule: "any-finding",
    recipe: preset("default", { batch: 32 }), // so that no count of steps hangs on the preset's batch
    seed: 7,
    rounds: 4,
    budget: null,
    localEpochs: 1,
    silos: ["a", "b", "c"],
    flower: [],
    quorum: 3,
    masked: null,
    roundTimeout: 60,
    joinTimeout: 60,
    init: { kind: "random", source: "random, seed 1", sha256: digest(start) },
    histogram: { bins: 62, low: -8, high: 8 },
    ...changes,
  };
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
  /** A silo's training images, and the steps per second that it claims. */
  images?: number;
  speed?: number;
  /** Image size of a silo's shard. @default 32 */
  size?: number;
  /** The label rule by which a silo counts its films. @default the proposal's */
  labelRule?: string;
  /** Whom the aggregator goes on without. */
  without?: string[];
  /** Largest part of all training images that the aggregator lets one silo have. */
  maxShare?: number;
  /** Seconds after which a silent silo counts as lost; with it a silo's heart beats five times in them. */
  silence?: number;
  /** Seconds between a silo's heartbeats. @default as the silence has it */
  heartbeat?: number;
  /** Fault point, or `event:TYPE`, or `before:TYPE`, which its log then lacks, at which the process kills itself, and at which passing of it (from 1). */
  kill?: { point: string; nth: number };
  proposal?: Partial<Proposal>;
  /** State folder of an aggregator whose rows are run again. */
  replay?: string;
  /** Appended to the names of the roles' state folders. */
  suffix?: string;
  /** Whether the role keeps its log, as the command does. @default false */
  logged?: boolean;
}

/** An error at a fault point: nothing after it is done, what is committed stays. */
export class Killed extends Error {}

/** For `onFault`: ends the role at the nth passing of a fault point, as a kill would. */
export function killAt(point: string | undefined, nth = 1): (name: string) => void {
  let passed = 0;
  return (name) => {
    if (name === point && ++passed === nth) throw new Killed();
  };
}

/** For `onFault`: what the disk says at a fault point once it is full. */
export function fullAt(point: string): (name: string) => void {
  return (name) => {
    if (name !== point) return;
    throw Object.assign(new Error("No space left on device (os error 28)"), { code: "ENOSPC" });
  };
}

/** What one role is given that is no text. */
export interface RoleOptions {
  onEvent?: (event: FedEvent) => void;
  signal?: AbortSignal;
  broken?: boolean;
  wait?: number;
  ready?: () => Promise<void>;
  shard?: () => Promise<string | null>;
  /** Awaited at every fault point; what it throws ends the role there. */
  onFault?: FaultPoint;
  skips?: (step: number) => boolean;
  /** Serves silos of the aggregator's in another way. */
  guests?: AggregatorOptions["guests"];
  /** What the silo lets the proposal ask for. */
  accept?: Limits;
  /** Why the silo's trainer cannot be made. */
  fails?: Error;
  onScore?: (split: "train" | "val" | "test") => void;
  /** The aggregator's; one that listens is told what the aggregator tells. */
  clock?: Clock & { hear?(event: FedEvent): void };
}

/** For a log that prints nothing. */
const SILENT = { line() {}, progress() {}, ticking: () => ({ now() {}, [Symbol.dispose]() {} }) };

/** Runs the role in this process. */
export async function runRole(spec: RoleSpec, options: RoleOptions = {}) {
  const layout = spec.full ? FULL : TINY;
  let passed = 0;
  const dieAt = (name: string) => {
    if (name !== spec.kill?.point || ++passed !== spec.kill.nth) return;
    console.log(`killed at ${name}`);
    Deno.kill(Deno.pid, "SIGKILL");
  };
  const faultPoint = async (name: string) => {
    await options.onFault?.(name);
    dieAt(name);
  };
  const state = `${spec.dir}/state-${spec.role}${spec.suffix ?? ""}`;
  using log = spec.logged ? await EventLog.open(state, SILENT) : null;
  const onEvent = (event: FedEvent) => {
    dieAt(`before:${event.type}`);
    log?.onEvent(event);
    options.onEvent?.(event);
    options.clock?.hear?.(event);
    dieAt(`event:${event.type}`);
  };
  const common = {
    tls: `${spec.dir}/tls-${spec.role}`,
    state,
    faultPoint,
    onEvent,
    log: log?.audit,
    signal: options.signal,
  };
  if (spec.role === "aggregator") {
    const start = startVector(layout);
    const changes = { seed: spec.seed ?? 7, rounds: spec.rounds ?? 4, ...spec.proposal };
    const listen = { host: "127.0.0.1", port: spec.port };
    const { silence, maxShare, without } = spec;
    const { clock, guests } = options;
    const origin = spec.replay === undefined
      ? { proposal: proposalOf(start, changes), start }
      : await readRecording(spec.replay, { into: common.state });
    return await runAggregator({
      ...common,
      ...origin,
      listen,
      layout,
      silence,
      maxShare,
      without,
      clock,
      guests,
    });
  }
  return await runSilo({
    ...common,
    silo: spec.role,
    server: new URL(`https://127.0.0.1:${spec.port}`),
    site: `${spec.dir}/site-${spec.role}`,
    wait: options.wait ?? 30,
    heartbeat: spec.heartbeat ?? (spec.silence === undefined ? undefined : spec.silence / 5),
    ready: options.ready,
    shard: options.shard,
    accept: options.accept,
    trainer: ({ labelRule }) =>
      options.fails ? Promise.reject(options.fails) : Promise.resolve(
        new FakeTrainer({
          labelRule,
          ...spec,
          layout,
          silo: spec.role,
          broken: options.broken,
          onScore: options.onScore,
          skips: options.skips,
        }),
      ),
  });
}

/** What a masked run of these tests proposes. */
export const MASKED: Pick<Proposal, "masked"> = { masked: { minCohort: 3, rosterChanges: 1 } };

/** Runs the aggregator and the proposal's silos, a, b and c by default, in this process; `changes`: what one role is told besides, `clock`: the aggregator's. */
export async function runFederation(
  spec: Omit<RoleSpec, "role" | "port"> & { port?: number },
  changes: Record<string, Partial<RoleSpec>> = {},
  options: { clock?: Clock & { hear?(event: FedEvent): void } } = {},
): Promise<{ result: AggregatorResult; silos: SiloResult[]; events: FedEvent[] }> {
  const { port = freePort() } = spec;
  const events: FedEvent[] = [];
  const onEvent = (event: FedEvent) => void events.push(event);
  const roles = ["aggregator", ...spec.proposal?.silos ?? ["a", "b", "c"]];
  const [result, ...silos] = await Promise.all(roles.map((role) => {
    return runRole(
      { ...spec, port, ...changes[role], role },
      role === "aggregator" ? { ...options, onEvent } : {},
    );
  }));
  return { result: result as AggregatorResult, silos: silos as SiloResult[], events };
}

/** Round, silo and digest of each counted update in an aggregator's state. */
export function receiptsOf(state: string): string[] {
  using db = new DatabaseSync(`${state}/run.sqlite`);
  const rows = db.prepare("SELECT round, silo, json FROM receipts ORDER BY round, silo").all();
  return rows.map(({ round, silo, json }) => `${round} ${silo} ${JSON.parse(json as string).sha256}`);
}

if (import.meta.main) {
  const spec = JSON.parse(Deno.args[0] ?? await new Response(Deno.stdin.readable).text()) as RoleSpec;
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
