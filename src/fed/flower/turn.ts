/** What a hospital does with a model that an app sent: trains on its films, or scores it on `val`. */
import { auroc } from "../../model/metrics/metrics.ts";
import { preset, type PresetName, type Recipe } from "../../model/recipe.ts";
import { stepsOf } from "../maths/stretch.ts";
import type { OnEvent } from "../protocol/event.ts";
import { diverged, enough, valScores } from "../training/score_split.ts";
import type { Trainer } from "../training/trainer.ts";
import type { Figures } from "./app.ts";
import { AppRefused, reading } from "./refused.ts";
import { type Asked, clipUpdate } from "./settings.ts";
import type { SentModel } from "./weights.ts";

/** Films of the shortest turn, where the hospital has as many: one step's loss and update would tell of its films alone. */
const FEWEST_FILMS = 50;

/** What the hospital sets, where the app says nothing of it. */
export interface OwnSettings {
  recipe: PresetName;
  /** @default none */
  overrides?: Partial<Pick<Recipe, "lr" | "batch" | "localEpochs">>;
  /** Rounds that the schedule of the learning rate spans. @default it stays at its peak */
  rounds?: number;
}

/** The numbers of a turn. @throws {AppRefused} for one out of range */
export function recipeOf({ recipe: asked }: Asked, { recipe, overrides }: OwnSettings): Recipe {
  // Statistics follow to the end: when they are to stay, the whole federation must know.
  return reading(() => preset(recipe, { ...overrides, ...asked, bn: 1 }, { silos: 2 }));
}

/** The steps of a round, and how far in the schedule they lie. @throws {AppRefused} */
export function turnOf(
  { round, rounds }: Pick<Asked, "rounds"> & { round: number },
  { localEpochs, batch, warmup }: Recipe,
  { films }: { films: number },
) {
  const [from, to] = [(round - 1) * localEpochs, round * localEpochs];
  const steps = stepsOf({ from, to }, { train: films, batch });
  const least = Math.min(FEWEST_FILMS, films - films % batch || Infinity);
  if (!(steps.steps * batch >= least)) {
    const got = `${steps.steps} steps of ${batch}`;
    throw AppRefused.of({ expected: `a round of at least ${FEWEST_FILMS} films, or of all`, got });
  }
  if (rounds !== null && round > rounds) {
    throw AppRefused.of({ expected: `a round up to ${rounds}, where the schedule ends`, got: String(round) });
  }
  // Right after the warm-up the rate is at its peak.
  const part = (passes: number) => rounds === null ? warmup : passes / (rounds * localEpochs);
  return { ...steps, p0: part(from), p1: part(to) };
}

interface TurnParts {
  trainer: Trainer;
  recipe: Recipe;
  silo: string;
  round: number;
  onEvent: OnEvent;
  signal?: AbortSignal;
}

/** Trains the loaded model. @throws {AppRefused} where what comes out is not finite */
export async function train(
  model: SentModel,
  turn: ReturnType<typeof turnOf>,
  { trainer, round, clip, onEvent, signal }: Omit<TurnParts, "recipe" | "silo"> & { clip: number | null },
): Promise<{ vector: Float32Array; figures: Pick<Figures, "examples" | "loss" | "clipped"> }> {
  onEvent({ type: "training", round, ...turn });
  const losses = { sum: 0, steps: 0 };
  const { vector, skipped } = await trainer.train(turn, {
    signal,
    onStep: (k, loss) => {
      losses.sum += loss * (k - losses.steps);
      losses.steps = k;
      onEvent({ type: "step", round, k, K: turn.steps, loss });
    },
  });
  const loss = losses.sum / losses.steps;
  if (!Number.isFinite(loss) || !vector.every(Number.isFinite) || skipped.every((one) => one)) {
    throw AppRefused.of({ expected: "a training that stays finite", got: "NaN or Inf" });
  }
  const clipped = clip !== null && clipUpdate(vector, model.vector, clip);
  return {
    vector,
    figures: { examples: trainer.shard.splits.train.images, loss, clipped: clipped ? 1 : 0 },
  };
}

/** Figures of the loaded model on `val`. @throws {AppRefused} below 10 patients of either class there, or for NaN */
export async function evaluate(
  { trainer, recipe, silo, round, onEvent }: TurnParts,
): Promise<Omit<Figures, "clipped">> {
  const predictions = await trainer.predict("val");
  if (diverged(predictions)) {
    throw AppRefused.of({ expected: "a model whose outputs are numbers", got: "NaN" });
  }
  if (!enough(predictions)) {
    throw AppRefused.of({ expected: "10 patients of either class in val", got: "fewer" });
  }
  const { logits, labels } = predictions;
  const told = valScores(predictions, { recipe, classWeights: [1, 1], seed: 0 });
  onEvent({ type: "scored", silo, round, scores: { run: "", round, ...told } });
  const right = logits.filter((logit, film) => (logit > 0) === (labels[film] === 1)).length;
  return {
    examples: labels.length,
    loss: told.loss!,
    accuracy: right / labels.length,
    auroc: auroc(logits, labels),
  };
}
