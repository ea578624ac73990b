/**
 * How far a GPU's results may be from what they are compared with. docs/gpu.md has the same table and the same
 * sentences, which a test compares.
 */

/** One bound. */
export interface Bound {
  /** What is measured. */
  check: string;
  /** The largest value that is right. */
  most: number;
  /** Where it comes from. */
  why: string;
}

export const BOUNDS = {
  logits32: {
    check: "fp32 logits, GPU and CPU",
    most: 2e-4,
    why: "ten times what the logits moved on the CPU when all weights were changed by their last two bits, " +
      "as other orders of summing change them; TF32, with 11 bits, would be beyond it",
  },
  loss32: {
    check: "fp32 first loss, GPU and CPU",
    most: 1e-5,
    why: "ten times what the same change of the weights did to the first loss (7e-7)",
  },
  norm32: {
    check: "fp32 first gradient norm, GPU and CPU",
    most: 2e-3,
    why:
      "the device sums four million squares in fp32, the CPU's loops in double precision; on the CPU that alone is 7e-4",
  },
  losses32: {
    check: "fp32 losses of the steps",
    most: 5e-4,
    why: "twenty times what the same change of the weights did within 20 steps (2e-5)",
  },
  weights32: {
    check: "fp32 weights after the steps",
    most: 4e-2,
    why:
      "the distance of a tensor's two results as a share of the way that it went; ten times what the same change of " +
      "the weights did to the farthest tensor within 20 steps (4e-3). Left out are the biases that end a block and the " +
      "running means behind them: such a bias has no true gradient, and Adam follows its rounding errors",
  },
  logits16: {
    check: "fp16 logits beside fp32",
    most: 8e-3,
    why:
      "the root of the mean square as a share of the logits' spread: 81 convolutions round to one part in 2^12, " +
      "√81 · 2^-12 = 2e-3, and PyTorch in fp16 on the CPU measured 1e-3; four times that for other orders",
  },
  logitsB16: {
    check: "bf16 logits beside fp32",
    most: 6e-2,
    why: "likewise √81 · 2^-9 = 2e-2, which is what the CPU measured (1e-2 to 2e-2); three times that",
  },
  norm16: {
    check: "fp16 first gradient norm beside fp32",
    most: 2e-2,
    why: "an eighth of bf16's, and half as much again; PyTorch in fp16 on the CPU measured 1e-3",
  },
  normB16: {
    check: "bf16 first gradient norm beside fp32",
    most: 1e-1,
    why: "twice the most that was measured on the CPU (5e-2)",
  },
  loss16: {
    check: "fp16 mean loss beside fp32",
    most: 4e-2,
    why:
      "two trainings in fp32 that began with other last bits were 6e-3 apart after 100 steps on the CPU, bf16 and " +
      "fp32 up to 5e-2; fp16 rounds eight times as finely as bf16, but training makes small differences large, so it " +
      "is allowed to be anywhere between the two",
  },
  lossB16: {
    check: "bf16 mean loss beside fp32",
    most: 1.5e-1,
    why:
      "three times the most that bf16 was apart from fp32 after 100 steps on the CPU (6e-3, 2e-2 and 5e-2 with three seeds)",
  },
  auroc16: {
    check: "fp16 AUROC beside fp32",
    most: 1e-2,
    why: "both models tell nearly all films apart by then; the two trainings in fp32 were 7e-4 apart, " +
      "and ten times that is a model of the same worth",
  },
  aurocB16: {
    check: "bf16 AUROC beside fp32",
    most: 1e-2,
    why: "likewise: bf16 and fp32 were 7e-4 apart on the CPU",
  },
  back: {
    check: "logits of the weights on the CPU",
    most: 1e-3,
    why: "what may not matter to who scores elsewhere; rounding in fp32 alone is within 2e-4",
  },
  backAuroc: {
    check: "AUROC of the weights on the CPU",
    most: 1e-3,
    why: "one pair of films in a thousand may change places",
  },
} as const satisfies Record<string, Bound>;

/** A bound as figures and docs/gpu.md have it. @param times it is this many times as large @default 1 */
export function atMost({ most }: Bound, times = 1): string {
  return `≤ ${(most * times).toExponential()}`;
}

export type BoundName = keyof typeof BOUNDS;

/** In a rehearsal, ten steps at 32 pixels, half precision may be this many times as far from fp32. */
export const REHEARSED = 4;
