/**
 * A silo's turn in a round: pull the model, score it, train, write the update, send both.
 *
 * A written update is sent again as it is, never trained again unless its file is damaged: a silo killed at any
 * moment sends the same bytes.
 */
import { digest } from "../../files/digest.ts";
import { writeDurably } from "../../files/durable.ts";
import { exists } from "../../files/exists.ts";
import { fingerprint } from "../../model/layout.ts";
import { delta } from "../maths/exact_sum.ts";
import type { Client } from "../wire/client.ts";
import { encodedBytes, F32_DELTA } from "../protocol/encoding.ts";
import type { OnEvent } from "../protocol/event.ts";
import type { FaultPoint } from "../protocol/fault_point.ts";
import { freeVectors } from "../wire/garbage.ts";
import type { Heartbeats } from "./heartbeat.ts";
import { type Plan, type RoundSettings, type Scores, WIRE_VERSION } from "../protocol/messages.ts";
import { fixThreshold } from "../training/own_figures.ts";
import { type ValScores, valScores } from "../training/score_split.ts";
import { checkSteps, countSteps } from "../maths/skipped.ts";
import type { SiloState, StoredUpdate } from "./state.ts";
import { stepsOf } from "../maths/stretch.ts";
import type { Trainer } from "../training/trainer.ts";
import { plural } from "../../plural.ts";

/** What a silo's turn needs. */
export interface TurnContext {
  silo: string;
  client: Client;
  state: SiloState;
  trainer: Trainer;
  plan: Plan;
  heartbeats: Heartbeats;
  onEvent: OnEvent;
  faultPoint: FaultPoint;
  signal?: AbortSignal;
  /** Aborted when the round goes on without this silo. */
  over?: AbortSignal;
}

/** One whole turn. @throws {ProtocolError} as the aggregator answers; `out_of_range` before anything is sent. */
export async function takeTurn(context: TurnContext, row: RoundSettings): Promise<void> {
  const { state, onEvent } = context;
  const stored = await state.update({ run: row.run, round: row.round, base: row.base });
  const update = stored ?? await makeUpdate(context, row);
  freeVectors(4 * context.trainer.layout.length); // those of the turn
  const bytes = await send(context, row, update);
  state.counted = row.round;
  onEvent({ type: "uploaded", silo: context.silo, round: row.round, bytes });
  await context.faultPoint("uploaded");
}

/** Makes and writes the update. The change is computed in the place of the trained vector, so that two vectors suffice. */
async function makeUpdate(context: TurnContext, row: RoundSettings): Promise<StoredUpdate> {
  const { client, trainer, state, onEvent, faultPoint } = context;
  const { round, run, base } = row;
  const { steps } = turnOf(context, row);
  const pulling = stopwatch();
  context.heartbeats.doing = { run, round, phase: "pulling", step: 0, steps };
  const { vector } = await client.pull(round - 1, { length: trainer.layout.length, sha256: base });
  const pull = pulling();
  onEvent({ type: "pulled", round, bytes: vector.byteLength, seconds: pull });
  if (round === 1) await keepStart(context, vector);
  await faultPoint("pulled");
  const { val, scored, trained, took } = await work(context, row, vector);
  const { skipped, searched } = countSteps(trained.skipped);
  checkSteps({ steps, skipped, searched });
  const writing = stopwatch();
  const change = delta(trained.vector, vector, trainer.layout, trained.vector);
  const bytes = new Uint8Array(change.buffer, change.byteOffset, change.byteLength);
  await writeDurably(state.updatePath, bytes);
  const seconds: Scores["seconds"] = { pull, ...took, write: writing() };
  if (skipped > 0) {
    const text = `round ${round}: ${skipped} of ${
      plural(steps, "step")
    } skipped for want of a finite gradient`;
    onEvent({ type: "warning", text });
  }
  const scores: Scores = { run, round, ...val, seconds, images: trained.images + scored, skipped, searched };
  const update: StoredUpdate = { run, round, base, sha256: digest(change), scores };
  state.commitUpdate(update, { trained: trained.images, scored });
  onEvent({ type: "update_written", round, sha256: update.sha256, bytes: bytes.length });
  await faultPoint("update_written");
  return update;
}

/** Keeps the start, for the comparison at the end: who comes later is never shown it. */
async function keepStart({ state }: TurnContext, vector: Float32Array): Promise<void> {
  if (await exists(state.startPath)) return;
  await writeDurably(state.startPath, new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength));
}

/** Scores the row's base and trains from it. The time counts as work even when it fails (see `Past.worked`). */
async function work(context: TurnContext, row: RoundSettings, vector: Float32Array) {
  const { round, run, base } = row;
  const { steps } = turnOf(context, row);
  const all = stopwatch(), part = stopwatch();
  try {
    const { val, scored } = await scoreVal(context, { run, round, vector, sha256: base, steps });
    const score = part();
    const trained = await train(context, row);
    return { val, scored, trained, took: { score, train: part() } };
  } finally {
    context.state.worked += all();
  }
}

/** This silo's steps of a row. */
function turnOf(
  { silo, trainer, plan }: TurnContext,
  row: RoundSettings,
): { firstStep: number; steps: number } {
  return stepsOf(row.silos[silo], { train: trainer.shard.splits.train.images, batch: plan.recipe.batch });
}

/** Loads a vector and scores `val` with it, once for each model: asked again, it says the same. */
export async function scoreVal(
  context: TurnContext,
  turn: { run: string; round: number; vector: Float32Array; sha256: string; steps: number },
): Promise<{ val: ValScores; scored: number }> {
  const { trainer, state, onEvent, silo } = context;
  const { run, round, sha256, steps } = turn;
  context.heartbeats.doing = { run, round, phase: "scoring", step: 0, steps };
  await trainer.load(turn.vector);
  const known = state.answered<ValScores>("val", sha256);
  const val = known ?? await answerVal(context, sha256);
  onEvent({ type: "scored", silo, round, scores: { run, round, ...val } });
  await context.faultPoint("scoring");
  return { val, scored: known === null ? val.positives + val.negatives : 0 };
}

/** Scores `val` with the loaded model and keeps the figures; the threshold among them is for this hospital alone. */
async function answerVal({ trainer, plan, state }: TurnContext, sha256: string) {
  const predictions = await trainer.predict("val");
  const val = valScores(predictions, plan);
  state.answer(sha256, { val, threshold: fixThreshold(predictions) });
  return val;
}

async function train(context: TurnContext, row: RoundSettings): ReturnType<Trainer["train"]> {
  const { heartbeats, onEvent, signal, over } = context;
  const { round, run, p0, p1 } = row;
  const { firstStep, steps } = turnOf(context, row);
  context.heartbeats.doing = { run, round, phase: "training", step: 0, steps };
  onEvent({ type: "training", round, firstStep, steps });
  await context.faultPoint("training");
  return await context.trainer.train({ firstStep, steps, p0, p1 }, {
    signal: AbortSignal.any([over, signal].filter((one) => one !== undefined)),
    onStep(k, loss) {
      heartbeats.doing.step = k;
      onEvent({ type: "step", round, k, K: steps, loss });
    },
  });
}

/** Each call tells the seconds since the one before. */
function stopwatch(): () => number {
  let last = performance.now();
  return () => {
    const now = performance.now();
    const took = (now - last) / 1000;
    last = now;
    return took;
  };
}

/** Sends the stored update; returns its size, bytes. */
async function send(context: TurnContext, row: RoundSettings, update: StoredUpdate): Promise<number> {
  const { client, state, trainer, onEvent, faultPoint, silo } = context;
  const { round, run, base } = row;
  const { steps } = turnOf(context, row);
  context.heartbeats.doing = { run, round, phase: "uploading", step: steps, steps };
  await client.scores(update.scores);
  const size = encodedBytes(trainer.layout.length);
  using file = await Deno.open(state.updatePath);
  onEvent({ type: "upload_started", silo, round, bytes: size, offset: 0 });
  await client.upload(
    {
      run,
      round,
      base,
      layout: fingerprint(trainer.layout),
      bytes: size,
      examples: trainer.shard.splits.train.images,
      sha256: update.sha256,
      encoding: F32_DELTA,
      wire: WIRE_VERSION,
    },
    file,
    () => faultPoint("uploading"),
  );
  return size;
}
