/**
 * Does a round of a long run take longer than one of a short run? The aggregator's own loop, its state and its
 * endpoints, without sockets: each silo is a loop that answers at once with a fixed update and fixed scores.
 *
 *     npx -y deno@2.9.3 task bench bench/rounds.ts [ROUNDS] [SILOS]
 *
 * Medians of the first hundred rounds of a run and of the last hundred of a long one, which take turns, so that other
 * work on the machine slows both. Wall clock and CPU of this process; the state is written below TMPDIR, and where that
 * is a disk, most of the wall clock is its syncs.
 */
import { createHash } from "node:crypto";
import process from "node:process";
import { handlerOf } from "../src/fed/aggregator/handlers.ts";
import { runRounds } from "../src/fed/aggregator/rounds.ts";
import { Run } from "../src/fed/aggregator/run.ts";
import { AggregatorState } from "../src/fed/aggregator/state.ts";
import { encodeFrames } from "../src/fed/protocol/frame.ts";
import { newRunId, type RunView, type UpdateStart } from "../src/fed/protocol/messages.ts";
import { stageOf } from "../src/fed/protocol/stage.ts";
import { type Handler, splitPath } from "../src/fed/wire/exchange.ts";
import { fingerprint } from "../src/model/layout.ts";
import { proposalOf } from "../tests/testing/fake_federation.ts";
import { startVector, TINY } from "../tests/testing/fake_trainer.ts";
import { registration } from "../tests/testing/open_round.ts";
import { inFolder } from "../tests/testing/folder.ts";
import { median } from "../src/fed/maths/median.ts";
import { machine } from "./machine.ts";

const UPDATE = new Uint8Array(new Float32Array(TINY.length).fill(2 ** -20).buffer);
const FRAMES = encodeFrames(UPDATE, { offset: 0, payload: UPDATE.length });
/** Each request has a copy: the aggregator frees what it has taken. */
const BODY = new Uint8Array([...FRAMES].flatMap((frame) => [...frame]));
const SHA256 = createHash("sha256").update(UPDATE).digest("hex");

interface Cost {
  wall: number;
  cpu: number;
}

/** One silo, from its joining until it is stopped. */
class Answers {
  readonly #handler: Handler;
  readonly #silo: string;
  readonly #stop: AbortSignal;
  readonly #session = {};

  constructor(handler: Handler, silo: string, stop: AbortSignal) {
    this.#handler = handler;
    this.#silo = silo;
    this.#stop = stop;
  }

  async #send(method: string, path: string, body: unknown = ""): Promise<{ status: number; json: unknown }> {
    const bytes = body instanceof Uint8Array ? body : new TextEncoder().encode(JSON.stringify(body));
    const answer = await this.#handler({
      method,
      ...splitPath(path),
      silo: this.#silo,
      session: this.#session,
      body: ReadableStream.from([bytes]),
      signal: this.#stop,
    });
    return { status: answer.status, json: "json" in answer ? answer.json : null };
  }

  async takePart(): Promise<void> {
    await this.#send("POST", "/v1/join", registration(this.#silo));
    let stage = "";
    for (;;) {
      const { json } = await this.#send("GET", `/v1/run?seen=${stage}&wait=30`);
      if (this.#stop.aborted) return;
      const view = json as RunView;
      if (view.state === "closing") await this.#score(view, view.selected !== null);
      if (view.row !== null) {
        await this.#score(view);
        await this.#update(view);
      }
      stage = stageOf(view);
    }
  }

  async #score(view: RunView, test = false): Promise<void> {
    const round = view.row?.round ?? view.round + 1;
    const counts = { positives: 48, negatives: 48 };
    const figures = test
      ? { auroc: null, se: null, loss: null, test: { auroc: 0.8, se: 0.05, ...counts, images: 96 } }
      : { auroc: 0.7 + 0.2 * Math.sin(round), se: 0.05, loss: 0.5 };
    const seconds = { pull: 0.01, score: 0.02, train: 0.03 };
    const scores = { run: view.run, round, ...counts, ...figures, seconds };
    await this.#ask("POST", `/v1/rounds/${round}/scores`, scores);
  }

  async #update({ run, row }: RunView): Promise<void> {
    const { round, base } = row!;
    const start: UpdateStart = {
      ...{ run, round, base, layout: fingerprint(TINY), bytes: UPDATE.length, examples: 96, sha256: SHA256 },
      ...{ encoding: 1, roster: null, wire: 8 },
    };
    await this.#ask("POST", `/v1/rounds/${round}/update`, start);
    await this.#ask("PUT", `/v1/rounds/${round}/update?offset=0`, BODY.slice());
  }

  /** Again while all slots are taken. @throws {Error} on any other refusal. */
  async #ask(method: string, path: string, body: unknown): Promise<void> {
    for (;;) {
      const { status, json } = await this.#send(method, path, body);
      if (status === 200) return;
      if (status !== 503) {
        throw new Error(`Cannot go on: expected 200 of ${path}, got ${JSON.stringify(json)}`);
      }
      await new Promise((resolve) => setTimeout(resolve));
    }
  }
}

/** A run that goes on by one round at a time. */
class SteppedRun implements AsyncDisposable {
  readonly #stop = new AbortController();
  readonly #state: AggregatorState;
  readonly #end: Promise<unknown>;
  #go = Promise.withResolvers<void>();
  #committed = Promise.withResolvers<void>();

  constructor(state: AggregatorState, silos: readonly string[]) {
    this.#state = state;
    const run = new Run(state, {
      layout: TINY,
      onEvent: () => {},
      faultPoint: async (name) => {
        if (name !== "committed") return;
        this.#committed.resolve();
        await this.#go.promise;
      },
    });
    const handler = handlerOf(run);
    const { signal } = this.#stop;
    const parts = silos.map((silo) => new Answers(handler, silo, signal).takePart());
    this.#end = Promise.all([runRounds(run, signal).catch(() => {}), ...parts]);
  }

  /** Begins a run in a new folder. */
  static async begin(dir: string, silos: string[]): Promise<SteppedRun> {
    const start = startVector(TINY);
    const state = await AggregatorState.open(dir);
    await Deno.writeFile(state.modelPath(0), new Uint8Array(start.buffer));
    const proposal = proposalOf(start, { silos, quorum: silos.length, rounds: 1e6, roundTimeout: null });
    state.begin(newRunId(), proposal, { now: 0 });
    return new SteppedRun(state, silos);
  }

  /** Lets a round end; what it took from the end of the one before. */
  async round(): Promise<Cost> {
    const { user, system } = process.cpuUsage();
    const wall = performance.now();
    this.#committed = Promise.withResolvers();
    const { resolve } = this.#go;
    this.#go = Promise.withResolvers();
    resolve();
    await this.#committed.promise;
    const now = process.cpuUsage();
    return { wall: performance.now() - wall, cpu: (now.user + now.system - user - system) / 1000 };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#go.resolve();
    await this.#end;
    this.#state[Symbol.dispose]();
  }
}

function show(name: string, costs: Cost[]): Cost {
  const [wall, cpu] = (["wall", "cpu"] as const).map((what) => median(costs.map((cost) => cost[what])));
  console.log(`${name}: ${wall.toFixed(1)} ms wall, ${cpu.toFixed(1)} ms CPU a round`);
  return { wall, cpu };
}

// Not Deno.bench: the rounds of one run follow each other.
console.log(machine());
const [rounds = 1000, count = 30] = Deno.args.map(Number);
const silos = Array.from({ length: count }, (_, index) => `silo-${index + 1}`);
await inFolder(async (dir) => {
  const part = Math.min(100, Math.floor(rounds / 2));
  await using long = await SteppedRun.begin(`${dir}/long`, silos);
  for (let round = 0; round < rounds - part; round++) await long.round();
  await using fresh = await SteppedRun.begin(`${dir}/fresh`, silos);
  const early: Cost[] = [], late: Cost[] = [];
  for (let round = 0; round < part; round++) {
    early.push(await fresh.round());
    late.push(await long.round());
  }
  const first = show(`first ${part} rounds of a run`, early);
  const last = show(`last ${part} of ${rounds} rounds`, late);
  console.log(
    `last / first: ${(last.wall / first.wall).toFixed(3)} wall, ${(last.cpu / first.cpu).toFixed(3)} CPU`,
  );
});
