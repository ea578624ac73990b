/**
 * The silo: joins, takes its turns, and in the end stores and tests the selected model.
 *
 * It may be killed at any moment and started again: what it must send it has written before, and everything
 * else it is told anew.
 */
import { saveModel } from "../model/checkpoint.ts";
import { Client, sleep } from "./client.ts";
import { ProtocolError } from "./errors.ts";
import type { OnEvent } from "./event.ts";
import { nameFullDisk } from "./files.ts";
import { stageOf } from "./handlers.ts";
import { Pulse, RoundOver } from "./heartbeat.ts";
import { checkRegistration } from "./join.ts";
import {
  type Plan,
  type Proposal,
  type Registration,
  type Row,
  type RunView,
  WIRE_VERSION,
} from "./protocol.ts";
import { Credentials } from "./renewal.ts";
import type { SiloResult, SiloTest } from "./result.ts";
import type { FaultPoint } from "./run.ts";
import { testScores } from "./scoring.ts";
import { SiloState } from "./silo_state.ts";
import { requireCheckedTls, requirePinnedDeno } from "./tls.ts";
import type { Trainer } from "./trainer.ts";
import { scoreVal, takeTurn, type TurnContext } from "./turn.ts";

/** Refusals after which a silo looks at the run again instead of giving up. */
const GO_ON = new Set(["round_closed", "model_missing", "other_base"]);

export interface SiloOptions {
  /** Name, as in the certificate and the aggregator's list. */
  silo: string;
  server: URL | string;
  /** Folder with ca.pem, cert.pem, key.pem. */
  tls: string;
  /** State folder, locked while it runs. */
  state: string;
  /** Awaited before the silo connects: checks that need no proposal. A finished run skips it. @default none */
  ready?: () => Promise<void>;
  /** Makes the trainer once the proposal is known; disposed of at the end. */
  trainer: (proposal: Proposal, context: { number: number }) => Promise<Trainer>;
  /** Seconds to wait for an aggregator that does not answer. @default 3600 */
  wait?: number;
  /** Seconds between heartbeats. @default 10 */
  heartbeat?: number;
  onEvent?: OnEvent;
  /** Awaited at named moments. @default none */
  faultPoint?: FaultPoint;
  /** Stops the silo; the promise rejects with its reason, the run can be resumed. */
  signal?: AbortSignal;
}

/**
 * Takes part in one run to its end; a finished one only returns its result.
 *
 * @throws {ProtocolError} on refusals of certificate, name, shard or update, on a failed run, `disk_full`, and
 * `unreachable` after `wait` · the signal's reason.
 */
export async function runSilo(options: SiloOptions): Promise<SiloResult> {
  requirePinnedDeno();
  requireCheckedTls();
  const onEvent = options.onEvent ?? (() => {});
  const credentials = await Credentials.open(options.tls, { role: "silo", name: options.silo, onEvent });
  using state = await SiloState.open(options.state, { silo: options.silo });
  if (state.result !== null) return state.result;
  await options.ready?.();
  const { wait = 3600, signal } = options;
  const server = new URL(options.server);
  const identity = () => credentials.refresh();
  using client = new Client({ server, identity, wait, onEvent, signal });
  const view = await client.view();
  if (state.run !== null && state.run !== view.run) {
    throw new ProtocolError("other_run", { expected: `run ${state.run} of this state`, got: view.run });
  }
  onEvent({ type: "proposal", proposal: view.proposal });
  const number = view.proposal.silos.indexOf(options.silo) + 1;
  using trainer = await options.trainer(view.proposal, { number });
  checkRegistration(view.proposal, trainer.shard);
  const speed = await trainer.stepsPerSecond();
  const joined = await client.join(registrationOf(options.silo, trainer, speed));
  state.run = view.run;
  const doing = { run: view.run, round: 0, phase: "waiting" as const, step: 0, steps: 0 };
  using pulse = new Pulse(client, doing, { period: options.heartbeat });
  const plan = await waitForPlan(client, joined);
  const { recipe, classWeights, seed } = plan;
  await trainer.configure({ recipe, classWeights, seed, silo: number });
  const faultPoint = options.faultPoint ?? (() => {});
  const context = { silo: options.silo, client, state, trainer, plan, pulse, onEvent, faultPoint, signal };
  return await takePart(context).catch((error) => {
    throw nameFullDisk(error);
  });
}

function registrationOf(silo: string, trainer: Trainer, stepsPerSecond: number): Registration {
  return { silo, ...trainer.shard, ...trainer.info, stepsPerSecond, wire: WIRE_VERSION };
}

async function waitForPlan(client: Client, joined: RunView): Promise<Plan> {
  let view = joined;
  while (view.plan === null) {
    refuseFailed(view);
    view = await client.view({ seen: stageOf(view) });
  }
  return view.plan;
}

/** Turn after turn until the run is closed. */
async function takePart(context: TurnContext): Promise<SiloResult> {
  const { client, state, silo, pulse } = context;
  let test: SiloTest | null = null;
  let view = await client.view();
  for (let done = "";; view = await client.view({ seen: done })) {
    refuseFailed(view);
    done = stageOf(view);
    const { state: phase, row, selected } = view;
    if (phase === "round" && row?.roster.includes(silo)) {
      if (state.tally.since === null) state.tally = { ...state.tally, since: Date.now() / 1000 };
      const over = pulse.follow(done);
      if (!await step(context, row.round, () => turn({ ...context, over }, row))) done = "";
    } else if (phase === "closing" && selected === null) {
      if (!await step(context, view.round + 1, () => scoreLast(context, view))) done = "";
    } else if (selected !== null && (phase === "closing" || test === null)) {
      const tested = await step(context, view.round + 1, () => testSelected(context, view, selected));
      if (tested) test = tested.value;
      else done = "";
    }
    pulse.doing = { run: view.run, round: view.round, phase: "waiting", step: 0, steps: 0 };
    if (view.state === "finished" && test !== null) return await finish(context, view, test);
  }
}

/** One turn; an update of this round that counted before, different as it may be, ends it as well. */
async function turn(context: TurnContext, row: Row): Promise<void> {
  try {
    await takeTurn(context, row);
  } catch (error) {
    if (!(error instanceof ProtocolError) || error.code !== "different_update") throw error;
    const { code, message: reason } = error;
    context.onEvent({ type: "update_dropped", round: row.round, code, reason });
  }
}

/** What `body` gives; null when the run went on without it, so that the silo looks again. */
async function step<T>(
  context: TurnContext,
  round: number,
  body: () => Promise<T>,
): Promise<{ value: T } | null> {
  try {
    return { value: await body() };
  } catch (error) {
    const code = error instanceof ProtocolError
      ? error.code
      : error instanceof RoundOver
      ? "round_closed"
      : "";
    if (!GO_ON.has(code)) throw error;
    context.state.dropUpdate(round);
    context.onEvent({ type: "update_dropped", round, code, reason: (error as Error).message });
    await sleep(0.2, context.signal);
    return null;
  }
}

/** Scores the last model on `val`. */
async function scoreLast(context: TurnContext, view: RunView): Promise<void> {
  const { client, trainer, state } = context;
  const { run } = view;
  const round = view.round + 1;
  const { vector } = await client.pull(view.round, { length: trainer.layout.length, sha256: null });
  const { val, scored } = await scoreVal(context, { run, round, vector, steps: 0 });
  await client.scores({ run, round, ...val });
  state.tally = { ...state.tally, scored: state.tally.scored + scored };
}

/** Stores the selected model, scores `test` with it, sends the figures. */
async function testSelected(
  context: TurnContext,
  view: RunView,
  selected: { round: number; sha256: string },
): Promise<SiloTest> {
  const { client, trainer, state, plan, onEvent, silo } = context;
  const { run } = view;
  context.pulse.doing = { run, round: view.round, phase: "closing", step: 0, steps: 0 };
  const { sha256 } = selected;
  const { vector } = await client.pull(selected.round, { length: trainer.layout.length, sha256 });
  const { network, channels, size, preprocessing, init: { source } } = plan;
  const metadata = { network, channels, size, preprocessing, plan, round: selected.round, source };
  await saveModel(state.modelPath, vector, trainer.layout, metadata);
  onEvent({ type: "model_stored", path: state.modelPath, sha256 });
  await trainer.load(vector);
  const test = testScores(await trainer.score("test"), { seed: plan.seed, bins: plan.histogram });
  onEvent({ type: "tested", silo, auroc: test.auroc, images: test.images });
  if (view.state === "closing") {
    const round = view.round + 1;
    const { positives, negatives } = test;
    await client.scores({ run, round, auroc: null, loss: null, positives, negatives, test });
    state.tally = { ...state.tally, scored: state.tally.scored + test.images };
  }
  await context.faultPoint("tested");
  return test;
}

/** Stores the result, then lets the aggregator go. */
async function finish(context: TurnContext, view: RunView, test: SiloTest): Promise<SiloResult> {
  const { state, trainer, onEvent } = context;
  const { rounds, latest, trained, scored, since } = state.tally;
  const result: SiloResult = {
    // The last one may have been abandoned after this silo's update had counted.
    rounds: latest > view.round ? rounds - 1 : rounds,
    examples: trainer.shard.splits.train.images,
    seconds: since === null ? 0 : Date.now() / 1000 - since,
    images: { trained, scored },
    model: state.modelPath,
    sha256: view.selected!.sha256,
    test,
  };
  state.result = result;
  onEvent({ type: "finished", rounds: result.rounds, sha256: result.sha256 });
  // Without this word the aggregator waits a minute longer; nothing else depends on it.
  await context.client.leave(stageOf(view)).catch(() => {});
  return result;
}

function refuseFailed(view: RunView): void {
  if (view.state !== "failed") return;
  throw new ProtocolError("run_failed", {
    expected: "a run that goes on",
    got: view.message ?? "a failed one",
  });
}
