/**
 * The silo: joins, takes its turns, and in the end stores and tests the selected model.
 *
 * It may be killed at any moment and started again: what it must send it has written before, and everything
 * else it is told anew.
 */
import { saveModel } from "../../model/weights/model_file.ts";
import { type Accept, checkAccepted, checkPatients } from "./limits.ts";
import { checkClosing, checkPlan, checkRow, checkSelected, checkView } from "./agreement.ts";
import { ascii } from "../protocol/ascii.ts";
import { Client } from "../wire/client.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { type OnEvent, safely } from "../protocol/event.ts";
import type { FaultPoint } from "../protocol/fault_point.ts";
import { nameFullDisk } from "../state/durable.ts";
import { Pulse, RoundOver } from "./heartbeat.ts";
import {
  type Plan,
  planId,
  type Proposal,
  type Registration,
  type Row,
  type RunView,
  WIRE_VERSION,
} from "../protocol/messages.ts";
import { checkRegistration } from "../protocol/registration.ts";
import { Credentials } from "../pki/renewal.ts";
import type { SiloResult, SiloTest } from "../training/result.ts";
import { plausibleSpeed } from "../maths/pace.ts";
import { RunClock } from "../state/run_clock.ts";
import { testScores } from "../training/scores.ts";
import { SiloState } from "./state.ts";
import { stageOf } from "../protocol/stage.ts";
import { sleep } from "../wire/retry.ts";
import { requireCheckedTls, requirePinnedDeno } from "../wire/tls.ts";
import type { Trainer } from "../training/trainer.ts";
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
  /** What the silo's operator lets the proposal ask for. @default at least 50 training patients */
  accept?: Accept;
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
  const onEvent = safely(options.onEvent);
  const credentials = await Credentials.open(options.tls, { role: "silo", name: options.silo, onEvent });
  using state = await SiloState.open(options.state, { silo: options.silo });
  if (state.result !== null) return state.result;
  await options.ready?.();
  const { wait = 3600, signal } = options;
  const server = new URL(options.server);
  const identity = () => credentials.refresh();
  using client = new Client({ server, identity, wait, onEvent, signal });
  const view = await client.view();
  const before = state.joined;
  if (before !== null && before.run !== view.run) {
    throw new ProtocolError("other_run", { expected: `run ${before.run} of this state`, got: view.run });
  }
  const { proposal } = before ?? view;
  checkView(view, { run: view.run, proposal, plan: state.plan });
  onEvent({ type: "proposal", proposal });
  checkAccepted(proposal, options.accept);
  const number = proposal.silos.indexOf(options.silo) + 1;
  using trainer = await options.trainer(proposal, { number });
  checkRegistration(proposal, trainer.shard);
  checkPatients(trainer.shard.splits.train, options.accept);
  const speed = plausibleSpeed(await trainer.stepsPerSecond());
  const joined = await client.join(registrationOf(options.silo, trainer, speed));
  if (state.plan === null) state.joined = { run: view.run, proposal, late: joined.plan !== null };
  const doing = { run: view.run, round: 0, phase: "waiting" as const, step: 0, steps: 0 };
  using pulse = new Pulse(client, doing, { period: options.heartbeat });
  const plan = await waitForPlan({ client, state, silo: options.silo, trainer }, joined);
  const { recipe, classWeights, seed } = plan;
  await trainer.configure({ recipe, classWeights, seed, silo: number });
  const faultPoint = options.faultPoint ?? (() => {});
  const context = { silo: options.silo, client, state, trainer, plan, pulse, onEvent, faultPoint, signal };
  return await takePart(context).catch((error) => {
    throw nameFullDisk(error);
  });
}

function registrationOf(silo: string, trainer: Trainer, stepsPerSecond: number): Registration {
  const { device, build, threads } = trainer.info;
  const info = { device: ascii(device), build: ascii(build), threads };
  return { silo, ...trainer.shard, ...info, stepsPerSecond, wire: WIRE_VERSION };
}

/** The plan, checked once against what was accepted and kept from then on. */
async function waitForPlan(
  context: Pick<TurnContext, "client" | "state" | "silo" | "trainer">,
  joined: RunView,
): Promise<Plan> {
  const { client, state, silo, trainer } = context;
  const { run, proposal, late } = state.joined!;
  let view = joined;
  for (;; view = await client.view({ seen: stageOf(view) })) {
    refuseFailed(view);
    checkView(view, { run, proposal, plan: state.plan });
    if (view.plan !== null) break;
  }
  if (state.plan === null) {
    checkPlan(view, { proposal, silo, own: trainer.shard.splits.train, late });
    state.plan = view.plan;
  }
  return view.plan;
}

/** Turn after turn until the run is closed. */
async function takePart(context: TurnContext): Promise<SiloResult> {
  const { client, state, silo, pulse, plan, trainer } = context;
  const { run, proposal } = state.joined!;
  const { since } = state.tally;
  const clock = new RunClock(since === null ? null : { run: since, wall: since });
  let test: SiloTest | null = null;
  let view = await client.view();
  for (let done = "";; view = await client.view({ seen: done })) {
    refuseFailed(view);
    checkView(view, { run, proposal, plan });
    done = stageOf(view);
    const { state: phase, row, selected } = view;
    // A silo that has trained nothing of this run answers nothing about its films.
    const asked = phase === "closing" && state.row !== null;
    if (phase === "round" && row?.roster.includes(silo)) {
      const train = trainer.shard.splits.train.images;
      checkRow(row, { run, silo, plan, past: state.past, train });
      state.acceptRow(row);
      if (state.tally.since === null) state.tally = { ...state.tally, since: clock.now() };
      const over = pulse.follow(done);
      if (!await step(context, row.round, () => turn({ ...context, over }, row))) done = "";
    } else if (asked && selected === null) {
      if (!await step(context, view.round + 1, () => scoreLast(context, view))) done = "";
    } else if (selected !== null && (asked || (phase === "finished" && test === null))) {
      const tested = await step(context, view.round + 1, () => testSelected(context, view, selected));
      if (tested) test = tested.value;
      else done = "";
    }
    pulse.doing = { run: view.run, round: view.round, phase: "waiting", step: 0, steps: 0 };
    if (view.state === "finished" && test !== null) {
      return await finish(context, view, { test, now: clock.now() });
    }
  }
}

/** One turn; an update of this round that counted before, different as it may be, ends it as well. */
async function turn(context: TurnContext, row: Row): Promise<void> {
  try {
    await takeTurn(context, row);
  } catch (error) {
    if (!(error instanceof ProtocolError) || error.code !== "different_update") throw error;
    const { code, message: reason } = error;
    context.state.counted = row.round;
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
  const { client, trainer, state, plan } = context;
  const { run } = view;
  const { past } = state;
  checkClosing(view, { plan, past, asked: state.closing });
  const round = view.round + 1;
  const known = past.models.get(view.round) ?? null;
  const { vector, sha256 } = await client.pull(view.round, { length: trainer.layout.length, sha256: known });
  state.close(view.round, sha256);
  const { val, scored } = await scoreVal(context, { run, round, vector, sha256, steps: 0 });
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
  const { past, closing } = state;
  checkClosing(view, { plan, past, asked: closing });
  checkSelected(view, { plan, past, tested: state.tested });
  const { vector } = await client.pull(selected.round, { length: trainer.layout.length, sha256 });
  const { proposal } = state.joined!;
  const { network, channels, size, preprocessing, init: { source } } = proposal;
  const settings = { network, channels, size, preprocessing, source, proposal, planId: planId(plan) };
  const metadata = { ...settings, round: selected.round };
  await saveModel(state.modelPath, vector, trainer.layout, metadata);
  onEvent({ type: "model_stored", path: state.modelPath, sha256 });
  await trainer.load(vector);
  const known = state.answered<SiloTest>("test", sha256);
  const test = known ??
    testScores(await trainer.predict("test"), { seed: plan.seed, bins: plan.histogram });
  if (known === null) {
    state.close(view.round);
    state.answer("test", sha256, test);
    state.tally = { ...state.tally, scored: state.tally.scored + test.images };
  }
  onEvent({ type: "tested", silo, auroc: test.auroc, images: test.images });
  if (view.state === "closing") {
    const round = view.round + 1;
    const { positives, negatives } = test;
    await client.scores({ run, round, auroc: null, loss: null, positives, negatives, test });
  }
  await context.faultPoint("tested");
  return test;
}

/** Stores the result, then lets the aggregator go. */
async function finish(
  context: TurnContext,
  view: RunView,
  { test, now }: { test: SiloTest; now: number },
): Promise<SiloResult> {
  const { state, trainer, onEvent } = context;
  const { rounds, latest, trained, scored, since } = state.tally;
  const result: SiloResult = {
    // The last one may have been abandoned after this silo's update had counted.
    rounds: latest > view.round ? rounds - 1 : rounds,
    examples: trainer.shard.splits.train.images,
    seconds: since === null ? 0 : now - since,
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
