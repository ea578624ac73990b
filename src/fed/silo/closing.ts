/**
 * The closing phase at a silo: scores the last model, stores and tests the selected one, and keeps the result.
 *
 * Each answer is kept before it is sent, so that a silo that was killed says the same again. What the hospital works out
 * for itself from the same predictions is kept with it and goes nowhere.
 */
import { fileDigest } from "../../files/digest.ts";
import type { RunView } from "../protocol/messages.ts";
import { planId } from "../protocol/messages.ts";
import { stageOf } from "../protocol/stage.ts";
import {
  type FixedThreshold,
  fixThreshold,
  ownCurve,
  ownDecisions,
  thresholdEntry,
} from "../training/own_figures.ts";
import type { SiloTest } from "../training/result.ts";
import { saveRunModel } from "../training/run_model.ts";
import { testScores } from "../training/score_split.ts";
import { checkClosing, checkMissing, checkSelected } from "./agreement.ts";
import type { Ended } from "./state.ts";
import { scoreVal } from "./turn.ts";
import type { TurnContext } from "./turn_context.ts";

/** Scores the last model on `val`. */
export async function scoreLast(context: TurnContext, view: RunView): Promise<void> {
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

/** Stores the selected model with this hospital's own threshold, scores `test` with it, sends the figures. */
export async function testSelected(
  context: TurnContext,
  view: RunView,
  selected: { round: number; sha256: string },
): Promise<SiloTest> {
  const { client, trainer, state, plan, onEvent, silo } = context;
  const { run } = view;
  context.heartbeats.doing = { run, round: view.round, phase: "closing", step: 0, steps: 0 };
  const { sha256 } = selected;
  const { past, closing } = state;
  checkClosing(view, { plan, past, asked: closing });
  checkSelected(view, { plan, past, tested: state.tested });
  const { vector } = await client.pull(selected.round, { length: trainer.layout.length, sha256 });
  const { proposal } = state.joined!;
  const { layout } = trainer;
  await trainer.load(vector);
  const fixed = await thresholdOf(context, sha256);
  const own = thresholdEntry(fixed);
  const model = { vector, layout, proposal, planId: planId(plan), round: selected.round, own };
  await saveRunModel(state.modelPath, model);
  onEvent({ type: "model_stored", path: state.modelPath, round: selected.round, sha256 });
  const test = state.answered<SiloTest>("test", sha256) ??
    await answerTest(context, { sha256, fixed, round: view.round });
  onEvent({ type: "tested", silo, auroc: test.auroc, images: test.images });
  if (view.state === "closing") {
    const round = view.round + 1;
    const { positives, negatives } = test;
    await client.scores({ run, round, auroc: null, se: null, loss: null, positives, negatives, test });
  }
  await context.faultPoint("tested");
  return test;
}

/** The threshold of the model that is loaded: fixed when `val` was scored with it, else now, by a silo that was away. */
async function thresholdOf({ state, trainer }: TurnContext, sha256: string): Promise<FixedThreshold> {
  const known = state.answered<FixedThreshold>("threshold", sha256);
  if (known !== null) return known;
  const threshold = fixThreshold(await trainer.predict("val"));
  state.answer(sha256, { threshold });
  return threshold;
}

/** Scores `test` with the loaded model and keeps the figures: those to send, and those for this hospital alone. */
async function answerTest(
  { trainer, state, plan: { seed, histogram: bins } }: TurnContext,
  model: { sha256: string; fixed: FixedThreshold; round: number },
): Promise<SiloTest> {
  const predictions = await trainer.predict("test");
  const test = testScores(predictions, { seed, bins });
  const decisions = ownDecisions(predictions, model.fixed, { seed });
  state.close(model.round);
  state.answer(model.sha256, { test, own: { decisions, curve: ownCurve(predictions) } });
  state.tally = { ...state.tally, scored: state.tally.scored + test.images };
  return test;
}

/** Stores what the run says, then lets the aggregator go: what is left to do needs nobody else. */
export async function finish(
  context: TurnContext,
  view: RunView,
  { test, now }: { test: SiloTest; now: number },
): Promise<void> {
  const { state, trainer, plan, onEvent } = context;
  const { rounds, latest, trained, scored, since } = state.tally;
  const { silos, init, labelRule: label_rule } = plan;
  const missing = checkMissing(view, silos);
  const ended: Ended = {
    of: { rounds: view.round, silos, init, label_rule },
    degraded: Object.keys(missing).length > 0,
    missing,
    masked: context.masking?.result(plan) ?? null,
    // The last one may have been abandoned after this silo's update had counted.
    rounds: latest > view.round ? rounds - 1 : rounds,
    examples: trainer.shard.splits.train.images,
    seconds: since === null ? 0 : now - since,
    images: { trained, scored },
    model: state.modelPath,
    sha256: view.selected!.sha256,
    file_sha256: (await fileDigest(state.modelPath))!,
    test,
    finished: new Date().toISOString(),
    history: state.history,
    splits: trainer.shard.splits,
    machine: trainer.info,
  };
  state.ended = ended;
  onEvent({ type: "finished", rounds: ended.rounds, sha256: ended.sha256 });
  // Without this word the aggregator waits a minute longer; nothing else depends on it.
  await context.client.leave(stageOf(view)).catch(() => {});
  await context.faultPoint("ended");
}
