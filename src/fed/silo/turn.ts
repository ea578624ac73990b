/**
 * A silo's turn in a round: pull the model, score it, train, write the update, send both. Where its stretch of the row
 * holds no step it sends no update, and pulls the model only to score it.
 *
 * A written update is sent again as it is, never trained again unless its file is damaged: a silo killed at any
 * moment sends the same bytes.
 */
import { digest } from "../../files/digest.ts";
import { writeDurably } from "../../files/durable.ts";
import { exists } from "../../files/exists.ts";
import { freeMemory } from "../../files/free_memory.ts";
import { delta } from "../maths/exact_sum.ts";
import { encodedBytes } from "../protocol/encoding.ts";
import { type RoundSettings, type Scores, UNSCORED } from "../protocol/messages.ts";
import { fixThreshold } from "../training/own_figures.ts";
import { type ValScores, valScores } from "../training/score_split.ts";
import { checkSteps, countSteps } from "../maths/skipped.ts";
import { send } from "./send.ts";
import type { StoredPart } from "./state.ts";
import { type TurnContext, turnOf } from "./turn_context.ts";
import type { Trainer } from "../training/trainer.ts";
import { plural } from "../../plural.ts";

/** What is told of a base that is not scored. */
const UNTOLD = { val: UNSCORED, scored: 0 };

/**
 * One whole turn, or in a masked run one of its two halves: until the row's roster is settled, and from there on.
 * @param roster the row's `rosterDigest`, null as long as there is none
 * @throws {ProtocolError} as the aggregator answers; `out_of_range` before anything is sent; `Masking.mask`'s.
 */
export async function takeTurn(
  context: TurnContext,
  row: RoundSettings,
  roster: string | null,
): Promise<void> {
  const { state, onEvent } = context;
  const stored = await state.part({ run: row.run, round: row.round, base: row.base });
  const part = stored ?? await makePart(context, row);
  const bytes = await send(context, { row, part, roster, steps: turnOf(context, row).steps });
  if (bytes === null) return;
  state.counted = row.round;
  if (bytes > 0) onEvent({ type: "uploaded", silo: context.silo, round: row.round, bytes });
  await context.faultPoint("uploaded");
}

/** Makes and writes the part in a row: an update, or where the row holds no step the figures alone. */
async function makePart(context: TurnContext, row: RoundSettings): Promise<StoredPart> {
  const { round, run, base } = row;
  const { firstStep, steps } = turnOf(context, row);
  if (steps > 0) return await makeUpdate(context, row);
  context.onEvent({ type: "training", round, firstStep, steps });
  const { val, scored, seconds } = row.score ? await scoreBase(context, row) : { ...UNTOLD, seconds: {} };
  const scores: Scores = { run, round, ...val, seconds: { ...seconds, train: 0 }, images: scored };
  const part: StoredPart = { run, round, base, sha256: null, scores };
  context.state.commitPart(part, { trained: 0, scored });
  return part;
}

/** Makes and writes the update. The change is computed in the place of the trained vector, so that two vectors suffice. */
async function makeUpdate(context: TurnContext, row: RoundSettings): Promise<StoredPart> {
  const { trainer, state, onEvent, faultPoint } = context;
  const { round, run, base } = row;
  const { steps } = turnOf(context, row);
  const { vector, pull } = await pullBase(context, row);
  const { val, scored, trained, took } = await work(context, row, vector);
  const { skipped, searched } = countSteps(trained.skipped);
  checkSteps({ steps, skipped, searched });
  const writing = stopwatch();
  const change = delta(trained.vector, vector, trainer.layout, trained.vector);
  freeMemory(vector);
  const bytes = new Uint8Array(change.buffer, change.byteOffset, change.byteLength);
  const written = writeDurably(state.updatePath, bytes);
  const sha256 = digest(change);
  await written;
  freeMemory(change);
  const seconds: Scores["seconds"] = { pull, ...took, write: writing() };
  if (skipped > 0) {
    const text = `round ${round}: ${skipped} of ${
      plural(steps, "step")
    } skipped for want of a finite gradient`;
    onEvent({ type: "warning", text });
  }
  const scores: Scores = { run, round, ...val, seconds, images: trained.images + scored, skipped, searched };
  state.commitPart({ run, round, base, sha256, scores }, { trained: trained.images, scored });
  onEvent({ type: "update_written", round, sha256, bytes: encodedBytes(trainer.layout.length) });
  await faultPoint("update_written");
  return { run, round, base, sha256, scores };
}

/** Fetches the row's base. */
async function pullBase(context: TurnContext, row: RoundSettings) {
  const { client, trainer, onEvent, faultPoint } = context;
  const { round, run, base } = row;
  const pulling = stopwatch();
  const { steps } = turnOf(context, row);
  context.heartbeats.doing = { run, round, phase: "pulling", step: 0, steps };
  const { vector } = await client.pull(round - 1, { length: trainer.layout.length, sha256: base });
  const pull = pulling();
  onEvent({ type: "pulled", round, bytes: vector.byteLength, seconds: pull });
  if (round === 1) await keepStart(context, vector);
  await faultPoint("pulled");
  return { vector, pull };
}

/** Keeps the start, for the comparison at the end: who comes later is never shown it. */
async function keepStart({ state }: TurnContext, vector: Float32Array): Promise<void> {
  if (await exists(state.startPath)) return;
  await writeDurably(state.startPath, new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength));
}

/** Fetches the row's base and scores it, in a row that holds no step. */
async function scoreBase(context: TurnContext, row: RoundSettings) {
  const { round, run, base: sha256 } = row;
  const { vector, pull } = await pullBase(context, row);
  const scoring = stopwatch();
  const told = await working(
    context,
    () => scoreVal(context, { run, round, vector, sha256, steps: 0 }),
  );
  freeMemory(vector);
  return { ...told, seconds: { pull, score: scoring() } };
}

/** Scores the row's base where the row asks for it, and trains from it. */
async function work(context: TurnContext, row: RoundSettings, vector: Float32Array) {
  const { round, run, base: sha256 } = row;
  const { steps } = turnOf(context, row);
  return await working(context, async () => {
    const part = stopwatch();
    if (!row.score) await context.trainer.load(vector);
    const told = row.score ? await scoreVal(context, { run, round, vector, sha256, steps }) : UNTOLD;
    const score = part();
    const trained = await train(context, row);
    return { ...told, trained, took: { ...row.score ? { score } : {}, train: part() } };
  });
}

/** Work on the films: its time counts even when it fails (see `Past.worked`). */
async function working<T>({ state }: TurnContext, body: () => Promise<T>): Promise<T> {
  const all = stopwatch();
  try {
    return await body();
  } finally {
    state.worked += all();
  }
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
