/**
 * How a network is trained: presets with every number, and the schedule as a function of progress in [0, 1].
 *
 * Why the schedule lives here: native code runs chunks of steps and is told each step's learning-rate factor and
 * clip norm, so a run can be replayed from its rows without a clock.
 */
import * as v from "valibot";
import { refusal } from "../refusal.ts";

/** The texts complete “expected FIELD …”. */
const number = (low: number, high: number, range = `in [${low}, ${high}]`) =>
  v.pipe(v.number(range), v.minValue(low, range), v.maxValue(high, range));
const integer = (low: number, high: number) => v.pipe(number(low, high), v.integer("to be a whole number"));
const flag = v.boolean("true or false");

/**
 * Every number of the training recipe with its range; it travels in the plan and with the weights, and what comes over
 * the wire is checked by it too.
 */
export const RecipeSchema = v.strictObject({
  /** Printable ASCII: it is shown on others' terminals. */
  name: v.pipe(v.string(), v.maxLength(64), v.regex(/^[\x20-\x7e]*$/, "printable ASCII")),
  /** Images a step; no short batch is ever formed. */
  batch: integer(1, 4096),
  /** Passes over a silo's training images per round, .25 for a quarter of one. */
  localEpochs: number(1e-6, 1000),
  /** Peak learning rate, before group factors. */
  lr: number(0, 10),
  beta1: number(0, 0.999999),
  beta2: number(0, 0.9999999),
  eps: number(1e-12, 1),
  /** Decoupled (AdamW): θ ← θ − lr · weightDecay · θ, on every weight. */
  weightDecay: number(0, 1),
  amsgrad: flag,
  /** Learning-rate factors of the layout's groups. */
  groups: v.strictObject({ classifier: number(0, 1000), stem: number(0, 1000), backbone: number(0, 1000) }),
  /** Fraction of the run with linear warm-up; a warm-up of 1 would divide by nothing. */
  warmup: number(0, 0.99),
  /** Where the cosine ends, as a fraction of the peak. */
  floor: number(0, 1),
  /** Steps at each round's start over which the factor rises linearly from 0 (zero moments kick). */
  roundWarmup: integer(0, 1e6),
  /** Largest gradient norm while progress < warmup, and after. */
  clip: v.strictObject({ warmup: number(1e-6, 1e6), after: number(1e-6, 1e6) }),
  /** Focal loss α(1−p_t)^γ·BCE; γ = 0, α = 1 is plain BCE. Class weights come from pooled counts (the plan). */
  loss: v.strictObject({ gamma: number(0, 10), alpha: number(1e-6, 100), classWeights: flag }),
  /** Dropout probability before the classifier. */
  dropout: number(0, 0.95),
  /** Stochastic-depth probability of the last block; earlier blocks scale linearly (torchvision). */
  stochasticDepth: number(0, 0.95),
  augment: v.strictObject({
    /** Horizontal flip with probability ½. */
    flip: flag,
    /** Uniform in ± degrees; 0 = off. */
    rotation: number(0, 180),
    /** Uniform factor 1 ± fraction; 0 = off. */
    brightness: number(0, 1),
    /** Uniform factor 1 ± fraction; 0 = off. */
    contrast: number(0, 1),
  }),
  /**
   * Share of the run in which BatchNorm's statistics follow the films and are averaged over silos. In rounds that begin
   * later they stay as they are, and films are normalised by them in training too: 0 keeps those of the start. Between 0
   * and 1 it counts where rounds have enough steps (src/fed/maths/settled_statistics.ts).
   */
  bn: number(0, 1),
});

export type Recipe = v.InferOutput<typeof RecipeSchema>;

/** One LR, plain BCE and small batches: better than `deck` from any start in trials on real radiographs. */
const DEFAULT: Recipe = {
  name: "default",
  batch: 11,
  localEpochs: 1,
  lr: 1e-3,
  beta1: 0.9,
  beta2: 0.999,
  eps: 1e-8,
  weightDecay: 1e-4,
  amsgrad: true,
  groups: { classifier: 1, stem: 1, backbone: 1 },
  warmup: 0.1,
  floor: 0,
  roundWarmup: 0,
  clip: { warmup: 3, after: 3 },
  loss: { gamma: 0, alpha: 1, classWeights: false },
  dropout: 0.2,
  stochasticDepth: 0.2,
  augment: { flip: false, rotation: 0, brightness: 0, contrast: 0 },
  bn: 1,
};

/**
 * The hackathon deck's recipe. Ours, because the deck does not name them: the base LR 1e-3 and the ±10 % of
 * brightness and contrast.
 */
const DECK: Recipe = {
  ...DEFAULT,
  name: "deck",
  batch: 32,
  groups: { classifier: 12, stem: 2.5, backbone: 0.12 },
  warmup: 0.15,
  floor: 0.05,
  clip: { warmup: 3, after: 1.5 },
  loss: { gamma: 2, alpha: 1, classWeights: true },
  augment: { flip: true, rotation: 10, brightness: 0.1, contrast: 0.1 },
};

const PRESETS = { deck: DECK, default: DEFAULT };
export type PresetName = keyof typeof PRESETS;

/**
 * What differs where several silos train: at as many passes each takes a part of the steps that all films in one place
 * would give, and the mean of their updates is steadier than one of them, so `default` takes longer steps. And while each
 * normalises by its own films' statistics, the mean of their models is at home with nobody's: in the second half
 * of the run all normalise by the same ones (FixBN: Zhong et al., “Making Batch Normalization Great in Federated Deep
 * Learning”, 2023). docs/results.md has what other rates, batches and ways of federating came to.
 */
const FEDERATED: Record<PresetName, Partial<Recipe>> = { deck: {}, default: { lr: 2e-3, bn: 0.5 } };

/**
 * A preset with some numbers replaced (nested objects whole).
 *
 * @param options.silos how many train together @default 1
 * @throws {RangeError} for an unknown preset or a number out of range, naming the field.
 */
export function preset(
  name: PresetName,
  overrides: Partial<Recipe> = {},
  { silos = 1 }: { silos?: number } = {},
): Recipe {
  const base = Object.hasOwn(PRESETS, name) ? PRESETS[name] : undefined;
  if (base === undefined) {
    throw refuse("deck or default", name);
  }
  const recipe = structuredClone({ ...base, ...silos > 1 ? FEDERATED[name] : {}, ...overrides });
  const { issues } = v.safeParse(RecipeSchema, recipe, { abortEarly: true });
  if (issues === undefined) return recipe;
  throw refuse(`${v.getDotPath(issues[0])} ${issues[0].message}`, issues[0].received);
}

/** Progress is a quotient of doubles. */
const ROUNDING = 1e-9;

/** Learning-rate factor in [0, 1] at `progress` in [0, 1]: linear warm-up, then a cosine down to `floor`. */
export function lrFactor(recipe: Recipe, progress: number): number {
  const p = Math.min(1, Math.max(0, progress));
  if (p < recipe.warmup) return p / recipe.warmup;
  const cosine = (1 + Math.cos(Math.PI * (p - recipe.warmup) / (1 - recipe.warmup))) / 2;
  return recipe.floor + (1 - recipe.floor) * cosine;
}

/** Largest gradient norm at `progress` in [0, 1]. */
export function clipNorm(recipe: Recipe, progress: number): number {
  return progress < recipe.warmup ? recipe.clip.warmup : recipe.clip.after;
}

/**
 * Per-step schedule of one row: step i stands at progress p0 + (p1 − p0)(i + ½)/steps.
 *
 * @returns `lr`: (steps) factors of the peak, round warm-up applied; `clip`: (steps) gradient norms; `fixed`: whether
 * BatchNorm's statistics stay, in the whole row, so that all silos then have the same
 */
export function scheduleOf(
  recipe: Recipe,
  row: { p0: number; p1: number; steps: number },
): { lr: Float32Array; clip: Float32Array; fixed: boolean } {
  const lr = new Float32Array(row.steps);
  const clip = new Float32Array(row.steps);
  for (let i = 0; i < row.steps; i++) {
    const progress = row.p0 + (row.p1 - row.p0) * (i + 0.5) / row.steps;
    const kick = i < recipe.roundWarmup ? (i + 1) / (recipe.roundWarmup + 1) : 1;
    lr[i] = lrFactor(recipe, progress) * kick;
    clip[i] = clipNorm(recipe, progress);
  }
  return { lr, clip, fixed: row.p0 >= recipe.bn - ROUNDING };
}

function refuse(expected: string, got: unknown): RangeError {
  return refusal(RangeError, { what: "Cannot use recipe", expected, got: String(got) });
}
