/** A run whose first round is open, and its handler, without a socket. */
import { assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { AggregatorState } from "../../src/fed/aggregator/state.ts";
import type { FedEvent } from "../../src/fed/protocol/event.ts";
import type { FaultPoint } from "../../src/fed/protocol/fault_point.ts";
import { encodeFrames } from "../../src/fed/protocol/frame.ts";
import { handlerOf } from "../../src/fed/aggregator/handlers.ts";
import { planOf } from "../../src/fed/aggregator/join.ts";
import {
  newRunId,
  type Proposal,
  type Registration,
  type UpdateStart,
} from "../../src/fed/protocol/messages.ts";
import { openRound } from "../../src/fed/aggregator/open_round.ts";
import { Run } from "../../src/fed/aggregator/run.ts";
import type { RunOptions } from "../../src/fed/aggregator/run_options.ts";
import { type Handler, splitPath, type WireAnswer } from "../../src/fed/wire/exchange.ts";
import { fingerprint } from "../../src/model/layout.ts";
import { inFolder } from "./folder.ts";
import { proposalOf } from "./fake_federation.ts";
import { FakeTrainer, startVector, TINY } from "./fake_trainer.ts";
import { StillClock } from "./still_clock.ts";

export const BYTES = TINY.length * 4;

export interface Bench {
  run: Run;
  state: AggregatorState;
  /** The run's. */
  clock: StillClock;
  handler: Handler;
  dir: string;
  events: FedEvent[];
  /** Its function is awaited at every fault point. */
  hook: { at: FaultPoint };
  /** The connection of each silo. */
  sessions: Record<string, object>;
  /** A body that is a stream or bytes goes as it is, anything else as JSON. */
  send(silo: string, method: string, path: string, body?: unknown): Promise<{ status: number; json: Json }>;
}
// deno-lint-ignore no-explicit-any -- answers of every kind, read field by field
type Json = any;

/** A run whose first round is open, with all silos joined; no socket. */
export async function withRound(
  body: (bench: Bench) => Promise<void>,
  changes: Partial<Proposal> = {},
): Promise<void> {
  await inFolder(async (dir) => {
    using state = await AggregatorState.open(dir);
    const bench = await openBench(state, dir, changes);
    for (const silo of bench.run.proposal.silos) {
      assertEquals((await bench.send(silo, "POST", "/v1/join", registration(silo))).status, 200);
    }
    bench.run.freeze(planOf(bench.run.proposal, state.joined.values()));
    openRound(bench.run);
    await body(bench);
  });
}

/** The run that the state holds, begun if there is none. */
export async function openBench(
  state: AggregatorState,
  dir: string,
  changes: Partial<Proposal> = {},
  options: Pick<RunOptions, "allowSameShard" | "ca"> = {},
): Promise<Bench> {
  const start = startVector(TINY);
  const proposal = proposalOf(start, changes);
  if (state.run === null) {
    await Deno.writeFile(state.modelPath(0), new Uint8Array(start.buffer));
    state.begin(newRunId(), proposal, { now: 0 });
  }
  const events: FedEvent[] = [];
  const hook: Bench["hook"] = { at: () => {} };
  const clock = new StillClock();
  const run = new Run(state, {
    ...options,
    layout: TINY,
    clock,
    onEvent: (e) => void events.push(e),
    faultPoint: (name) => hook.at(name),
  });
  const handler = handlerOf(run);
  const sessions: Record<string, object> = {};
  const send: Bench["send"] = async (silo, method, path, body) => {
    const [name] = silo.split(" ");
    const bytes = body instanceof Uint8Array ? body : new TextEncoder().encode(JSON.stringify(body ?? ""));
    const stream = body instanceof ReadableStream ? body : ReadableStream.from([bytes]);
    const answer: WireAnswer = await handler({
      method,
      ...splitPath(path),
      silo: name,
      session: sessions[silo] ??= {},
      body: stream,
      signal: new AbortController().signal,
    });
    return { status: answer.status, json: "json" in answer ? answer.json : answer.file };
  };
  return { run, state, clock, handler, dir, events, hook, sessions, send };
}

/** Has a silo's update of the open round, all values `fill`, counted. */
export async function count({ run, send }: Bench, silo: string, fill = 0.01): Promise<void> {
  const { round } = run.state.current!.row;
  const { start, bytes } = update(run, { round }, fill);
  assertEquals((await send(silo, "POST", `/v1/rounds/${round}/update`, start)).status, 200);
  const put = await send(silo, "PUT", `/v1/rounds/${round}/update?offset=0`, frames(bytes, 0));
  assertEquals(put.json.receipt?.silo, silo);
}

/** Lets a silo be lost: a minute passes in which only the others say something. */
export function lose({ run, clock }: Bench, silo: string): void {
  for (let passed = 0; passed < 70; passed += 10) {
    clock.pass(10);
    for (const other of run.state.joined.keys()) if (other !== silo) run.attendance.noteHeard(other);
    run.attendance.findLost();
  }
}

export function registration(silo: string): Registration {
  using trainer = new FakeTrainer({ layout: TINY, silo });
  return { silo, ...trainer.shard, ...trainer.info, stepsPerSecond: 10, wire: 8 };
}

export function update(
  run: Run,
  change: Partial<UpdateStart> = {},
  fill = 0.01,
): { start: UpdateStart; bytes: Uint8Array } {
  const bytes = new Uint8Array(new Float32Array(TINY.length).fill(fill).buffer);
  const start: UpdateStart = {
    run: run.id,
    round: 1,
    base: run.state.current!.row.base,
    layout: fingerprint(TINY),
    bytes: BYTES,
    examples: 96,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    encoding: 1,
    roster: null,
    wire: 8,
    ...change,
  };
  return { start, bytes };
}

/** Bytes of an update in one frame of these tests. */
export const FRAME = 4096;

export function frames(bytes: Uint8Array, offset: number, last = bytes.length): Uint8Array {
  const parts = [...encodeFrames(bytes.subarray(offset, last), { offset, payload: FRAME })];
  return new Uint8Array(parts.flatMap((part) => [...part]));
}
