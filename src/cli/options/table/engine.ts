import type { Options } from "../option.ts";

/** Where a command computes. */
export const ENGINE = {
  device: {
    kind: "text",
    value: "NAME",
    help: "where to compute",
    more: "`auto` takes the GPU where the engine for it is there, else the CPU.",
    choices: ["auto", "cpu", "cuda"],
    default: "auto",
  },
  threads: {
    kind: "integer",
    value: "N",
    help: "CPU threads (default: the cores this process may use)",
    range: [1, 256],
    sample: 2,
  },
} as const satisfies Options;

/** Where a command that trains computes, and how. */
export const TRAINER = {
  ...ENGINE,
  deterministic: {
    kind: "flag",
    help: "on a GPU: the same bits each time, with slower kernels",
    more:
      "With the same seed, films and kind of GPU a run then ends with the same weights. Without it, a GPU's " +
      "kernels are chosen by their timing. On the CPU it changes nothing: a run there repeats itself anyway.",
    sample: false,
  },
} as const satisfies Options;

/** What a command that only scores computes with, and where. */
export const SCORING = {
  engine: {
    kind: "text",
    value: "NAME",
    help: "what computes; tfjs needs no libtorch, has one thread and cannot train",
    choices: ["libtorch", "tfjs"],
    default: "libtorch",
  },
  ...ENGINE,
} as const satisfies Options;
