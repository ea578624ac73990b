/**
 * How a network is trained: presets with every number, and the schedule as a function of progress in [0, 1].
 *
 * Why the schedule lives here: native code runs chunks of steps and is told each step's learning-rate factor and
 * clip norm, so a run can be replayed from its rows without a clock.
 */
import { refusal } from "../refusal.ts";

/** Every number of the training recipe; it travels in the plan and with the weights. */
export interface Recipe {
  name: string;
  /** Images a step; no short batch is ever formed. */
  batch: number;
  /** Passes over a silo's training images per round. */
  localEpochs: number;
  /** Peak learning rate, before group factors. */
  lr: number;
  beta1: number;
  beta2: number;
  eps: number;
  /** Decoupled (AdamW): θ ← θ − lr · weightDecay · θ, on every weight. */
  weightDecay: number;
  amsgrad: boolean;
  /** Learning-rate factors of the layout's groups. */
  groups: { classifier: number; stem: number; backbone: number };
  /** Fraction of the run with linear warm-up. */
  warmup: number;
  /** Where the cosine ends, as a fraction of the peak. */
  floor: number;
  /** Steps at each round's start over which the factor rises linearly from 0 (zero moments kick). */
  roundWarmup: number;
  /** Largest gradient norm while progress < warmup, and after. */
  clip: { warmup: number; after: number };
  /** Focal loss α(1−p_t)^γ·BCE; γ = 0, α = 1 is plain BCE. Class weights come from pooled counts (the plan). */
  loss: { gamma: number; alpha: number; classWeights: boolean };
  /** Dropout probability before the classifier. */
  dropout: number;
  /** Stochastic-depth probability of the last block; earlier blocks scale linearly (torchvision). */
  stochasticDepth: number;
  augment: {
    /** Horizontal flip with probability ½. */
    flip: boolean;
    /** Uniform in ± degrees; 0 = off. */
    rotation: number;
    /** Uniform factor 1 ± fraction; 0 = off. */
    brightness: number;
    /** Uniform factor 1 ± fraction; 0 = off. */
    contrast: number;
  };
  /** Whether BatchNorm statistics are averaged over silos or kept as they started. */
  bn: "average" | "frozen";
}

/** One LR and plain BCE: better than `deck` from any start in trials on real radiographs. */
const DEFAULT: Recipe = {
  name: "default",
  batch: 32,
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
  bn: "average",
};

/**
 * The hackathon deck's recipe. Ours, because the deck does not name them: the base LR 1e-3 and the ±10 % of
 * brightness and contrast.
 */
const DECK: Recipe = {
  ...DEFAULT,
  name: "deck",
  groups: { classifier: 12, stem: 2.5, backbone: 0.12 },
  warmup: 0.15,
  floor: 0.05,
  clip: { warmup: 3, after: 1.5 },
  loss: { gamma: 2, alpha: 1, classWeights: true },
  augment: { flip: true, rotation: 10, brightness: 0.1, contrast: 0.1 },
};

const PRESETS = { deck: DECK, default: DEFAULT };

/**
 * A preset with some numbers replaced (nested objects whole).
 *
 * @throws {RangeError} for an unknown preset or a number out of range, naming the field.
 */
export function preset(name: "deck" | "default", overrides: Partial<Recipe> = {}): Recipe {
  const base = Object.hasOwn(PRESETS, name) ? PRESETS[name] : undefined;
  if (base === undefined) {
    throw refuse("deck or default", name);
  }
  const recipe = structuredClone({ ...base, ...overrides });
  checkRecipe(recipe);
  return recipe;
}

/**
 * Checks every range; recipes that arrive over the wire pass here too.
 *
 * @throws {RangeError} naming the field, the range and the value.
 */
export function checkRecipe(recipe: Recipe): void {
  const { augment, clip, groups, loss } = recipe;
  checkInteger("batch", recipe.batch, 1, 4096);
  checkInteger("local_epochs", recipe.localEpochs, 1, 1000);
  checkInteger("roundWarmup", recipe.roundWarmup, 0, 1e6);
  checkNumber("lr", recipe.lr, 0, 10);
  checkNumber("beta1", recipe.beta1, 0, 0.999999);
  checkNumber("beta2", recipe.beta2, 0, 0.9999999);
  checkNumber("eps", recipe.eps, 1e-12, 1);
  checkNumber("weightDecay", recipe.weightDecay, 0, 1);
  for (const [key, value] of Object.entries(groups)) checkNumber(`groups.${key}`, value, 0, 1000);
  checkNumber("warmup", recipe.warmup, 0, 0.99);
  checkNumber("floor", recipe.floor, 0, 1);
  checkNumber("clip.warmup", clip.warmup, 1e-6, 1e6);
  checkNumber("clip.after", clip.after, 1e-6, 1e6);
  checkNumber("loss.gamma", loss.gamma, 0, 10);
  checkNumber("loss.alpha", loss.alpha, 1e-6, 100);
  checkNumber("dropout", recipe.dropout, 0, 0.95);
  checkNumber("stochasticDepth", recipe.stochasticDepth, 0, 0.95);
  checkNumber("augment.rotation", augment.rotation, 0, 180);
  checkNumber("augment.brightness", augment.brightness, 0, 1);
  checkNumber("augment.contrast", augment.contrast, 0, 1);
  if (recipe.bn !== "average" && recipe.bn !== "frozen") {
    throw refuse("bn average or frozen", recipe.bn);
  }
}

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
 * @returns `lr`: (steps) factors of the peak, round warm-up applied; `clip`: (steps) gradient norms.
 */
export function scheduleOf(
  recipe: Recipe,
  row: { p0: number; p1: number; steps: number },
): { lr: Float32Array; clip: Float32Array } {
  const lr = new Float32Array(row.steps);
  const clip = new Float32Array(row.steps);
  for (let i = 0; i < row.steps; i++) {
    const progress = row.p0 + (row.p1 - row.p0) * (i + 0.5) / row.steps;
    const kick = i < recipe.roundWarmup ? (i + 1) / (recipe.roundWarmup + 1) : 1;
    lr[i] = lrFactor(recipe, progress) * kick;
    clip[i] = clipNorm(recipe, progress);
  }
  return { lr, clip };
}

function refuse(expected: string, got: unknown): RangeError {
  return refusal(RangeError, { what: "Cannot use recipe", expected, got: String(got) });
}

function checkNumber(field: string, value: number, low: number, high: number): void {
  if (typeof value !== "number" || !(value >= low && value <= high)) {
    throw refuse(`${field} in [${low}, ${high}]`, value);
  }
}

function checkInteger(field: string, value: number, low: number, high: number): void {
  checkNumber(field, value, low, high);
  if (!Number.isInteger(value)) {
    throw refuse(`${field} to be a whole number`, value);
  }
}
