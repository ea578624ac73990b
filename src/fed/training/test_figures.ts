/** What `test` says of the selected model, and of the start beside it: what training changed for the films at hand. */
import { pairedDifference } from "../../model/metrics/metrics.ts";
import { byStratum, type Predictions } from "../../model/predictions.ts";
import type { Proposal } from "../protocol/messages.ts";
import { type FixedThreshold, ownDecisions } from "./own_figures.ts";
import { type LocalResult, type SiloTest, type StartTest, testResult } from "./result.ts";
import { diverged, testScores } from "./score_split.ts";
import type { Trainer } from "./trainer.ts";

/** What scores come from beside the predictions. */
type Settings = Parameters<typeof testScores>[1];

/** The start's figures; nobody adds them up, so there is no histogram. */
export function startTest(start: Predictions, settings: Settings): SiloTest {
  const { histogram: _, ...figures } = testScores(start, settings);
  return figures;
}

/** The start's figures, and how much better the selected model ranks the same films. */
export function againstStart(
  { start, selected }: { start: Predictions; selected: Predictions },
  settings: Settings,
): StartTest {
  const figures = startTest(start, settings);
  if (figures.auroc === null || diverged(selected)) return { ...figures, difference: null };
  const { difference, ci95 } = pairedDifference([selected.logits], [start.logits], selected, settings);
  return { ...figures, difference: { auroc: difference, ci95 } };
}

/**
 * Tests a model that was trained without federation, by shard; beside it the start, where that is a model from a file
 * and so knew something of films.
 */
export async function testWithStart(
  trainer: Trainer,
  options: {
    proposal: Proposal;
    /** (layout.length) f32. */
    start: Float32Array;
    selected: { round: number; vector: Float32Array; fixed: FixedThreshold };
  },
): Promise<Pick<LocalResult, "test" | "own" | "start">> {
  const { proposal, start, selected: { round, vector, fixed } } = options;
  const { silos, seed, histogram: bins, init } = proposal;
  const predict = async (model: Float32Array) => {
    await trainer.load(model);
    return await trainer.predict("test");
  };
  const bySilo = <T>(predictions: Predictions, figures: (part: Predictions, index: number) => T) =>
    Object.fromEntries(
      byStratum(predictions, silos.length).map((part, index) => [silos[index], figures(part, index)]),
    );
  const predictions = await predict(vector);
  const test = testResult(bySilo(predictions, (part) => testScores(part, { seed, bins })));
  const own = ownDecisions(predictions, fixed, proposal);
  if (init.kind !== "file") return { test, own };
  const parts = byStratum(predictions, silos.length);
  const compared = bySilo(
    round === 0 ? predictions : await predict(start),
    (part, index) => againstStart({ start: part, selected: parts[index] }, { seed, bins }),
  );
  return { test, own, start: compared };
}
