/**
 * The closing phase at a silo: scores the last model, stores and tests the selected one, and keeps the result.
 *
 * Each answer is kept before it is sent, so that a silo that was killed says the same again.
 */
import { fileDigest } from "../../files/digest.ts";
import type { RunView } from "../protocol/messages.ts";
import { planId } from "../protocol/messages.ts";
import { stageOf } from "../protocol/stage.ts";
import type { SiloResult, SiloTest } from "../training/result.ts";
import { saveRunModel } from "../training/run_model.ts";
import { testScores } from "../training/score_split.ts";
import { checkClosing, checkSelected } from "./agreement.ts";
import { scoreVal, type TurnContext } from "./turn.ts";

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

/** Stores the selected model, scores `test` with it, sends the figures. */
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
  const model = { vector, layout, proposal, planId: planId(plan), round: selected.round };
  await saveRunModel(state.modelPath, model);
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
export async function finish(
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
    file_sha256: (await fileDigest(state.modelPath))!,
    test,
  };
  state.result = result;
  onEvent({ type: "finished", rounds: result.rounds, sha256: result.sha256 });
  // Without this word the aggregator waits a minute longer; nothing else depends on it.
  await context.client.leave(stageOf(view)).catch(() => {});
  return result;
}
