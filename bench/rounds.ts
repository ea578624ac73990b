/**
 * Does a round of a long run take longer than one of a short run? The aggregator's own loop, its state and its
 * endpoints, without sockets: each silo is a loop that answers at once with a fixed update and fixed scores.
 *
 *     npx -y deno@2.9.3 task bench bench/rounds.ts [ROUNDS] [SILOS]
 *
 * Milliseconds a round, wall clock and CPU of this process: medians of the first and of the last hundred, after a short
 * run that warms up. The state is written below TMPDIR; where that is a disk, most of the wall clock is its syncs.
 */
import { createHash } from "node:crypto";
import process from "node:process";
import { handlerOf } from "../src/fed/aggregator/handlers.ts";
import { runRounds } from "../src/fed/aggregator/rounds.ts";
import { Run } from "../src/fed/aggregator/run.ts";
import { AggregatorState } from "../src/fed/aggregator/state.ts";
import type { FedEvent } from "../src/fed/protocol/event.ts";
import { encodeFrames } from "../src/fed/protocol/frame.ts";
import { newRunId, type RunView, type UpdateStart } from "../src/fed/protocol/messages.ts";
import { stageOf } from "../src/fed/protocol/stage.ts";
import { type Handler, splitPath } from "../src/fed/wire/exchange.ts";
import { fingerprint } from "../src/model/layout.ts";
import { proposalOf } from "../tests/testing/fake_federation.ts";
import { startVector, TINY } from "../tests/testing/fake_trainer.ts";
import { registration } from "../tests/testing/open_round.ts";
import { inFolder } from "../tests/testing/folder.ts";
import { median } from "./median.ts";

const UPDATE = new Uint8Array(new Float32Array(TINY.length).fill(2 ** -20).buffer);
const FRAMES = encodeFrames(UPDATE, { offset: 0, payload: UPDATE.length });
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
      ? { auroc: null, loss: null, test: { auroc: 0.8, se: 0.05, ...counts, images: 96 } }
      : { auroc: 0.7 + 0.2 * Math.sin(round), loss: 0.5 };
    const seconds = { pull: 0.01, score: 0.02, train: 0.03 };
    const scores = { run: view.run, round, ...counts, ...figures, seconds };
    await this.#ask("POST", `/v1/rounds/${round}/scores`, scores);
  }

  async #update({ run, row }: RunView): Promise<void> {
    const { round, base } = row!;
    const start: UpdateStart = {
      ...{ run, round, base, layout: fingerprint(TINY), bytes: UPDATE.length, examples: 96, sha256: SHA256 },
      ...{ encoding: 1, wire: 2 },
    };
    await this.#ask("POST", `/v1/rounds/${round}/update`, start);
    await this.#ask("PUT", `/v1/rounds/${round}/update?offset=0`, BODY);
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

/** Wall clock and CPU milliseconds of each round of one run. */
async function measure(dir: string, rounds: number, silos: string[]): Promise<Cost[]> {
  const start = startVector(TINY);
  using state = await AggregatorState.open(dir);
  await Deno.writeFile(state.modelPath(0), new Uint8Array(start.buffer));
  const proposal = proposalOf(start, { silos, quorum: silos.length, rounds, roundTimeout: null });
  state.begin(newRunId(), proposal, { now: 0 });
  const costs: Cost[] = [];
  let before = { wall: 0, cpu: 0 };
  const onEvent = ({ type }: FedEvent) => {
    if (type !== "row") return;
    const { user, system } = process.cpuUsage();
    const now = { wall: performance.now(), cpu: (user + system) / 1000 };
    if (before.wall > 0) costs.push({ wall: now.wall - before.wall, cpu: now.cpu - before.cpu });
    before = now;
  };
  const run = new Run(state, { layout: TINY, faultPoint: () => {}, onEvent });
  const handler = handlerOf(run);
  const stop = new AbortController();
  const parts = silos.map((silo) => new Answers(handler, silo, stop.signal).takePart());
  await runRounds(run);
  stop.abort();
  await Promise.all(parts);
  return costs;
}

// Not Deno.bench: the rounds of one run follow each other.
const [rounds = 1000, count = 30] = Deno.args.map(Number);
const silos = Array.from({ length: count }, (_, index) => `silo-${index + 1}`);
await inFolder(async (dir) => void await measure(dir, 20, silos));
await inFolder(async (dir) => {
  const costs = await measure(dir, rounds, silos);
  const part = Math.min(100, Math.floor(costs.length / 2));
  const show = (name: string, some: Cost[]) => {
    const [wall, cpu] = (["wall", "cpu"] as const).map((what) => median(some.map((cost) => cost[what])));
    console.log(
      `${name} ${part} rounds: ${wall.toFixed(1)} ms wall, ${cpu.toFixed(1)} ms CPU a round`,
    );
    return { wall, cpu };
  };
  const first = show("first", costs.slice(0, part)), last = show("last ", costs.slice(-part));
  console.log(
    `last / first: ${(last.wall / first.wall).toFixed(3)} wall, ${(last.cpu / first.cpu).toFixed(3)} CPU`,
  );
});
