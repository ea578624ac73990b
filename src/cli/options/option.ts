// Why: what an option and a command are, apart from which ones there are.

/** How a value is written and read: `path` is taken relative to the file or folder it was named in. */
export type Kind = "text" | "path" | "integer" | "number" | "duration" | "flag" | "list" | "paths" | "texts";

/** One `--option`, or one key of fedx.toml under the same name with `_` for `-`. */
export interface Option {
  kind: Kind;
  /** The value's name in help, e.g. `DIR`. */
  value?: string;
  help: string;
  default?: string | number | boolean;
  required?: boolean;
  choices?: readonly string[];
  /** Values of a path option that are words, not paths. */
  words?: readonly string[];
  /** Inclusive lower and upper bound of a number. */
  range?: readonly [number, number];
}

/** One command: everything that parsing, help and documentation need. Its code is in the file of its name. */
export interface Command {
  summary: string;
  usage: string;
  example: string;
  options: Record<string, Option>;
  /** Names of positional arguments, all required. */
  positional?: readonly string[];
  /** Groups of options of which exactly one must be given. */
  either?: readonly (readonly string[])[];
  /** The section of fedx.toml that holds this command's options. */
  section?: "run" | "silo";
  /** What stdout's JSON object has at least under --json. */
  json: string;
}

/** Where a command computes. */
export const ENGINE = {
  device: {
    kind: "text",
    value: "NAME",
    help: "where to compute",
    choices: ["auto", "cpu", "cuda"],
    default: "auto",
  },
  threads: {
    kind: "integer",
    value: "N",
    help: "CPU threads (default: the cores this process may use)",
    range: [1, 256],
  },
} as const satisfies Record<string, Option>;

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
} as const satisfies Record<string, Option>;

/** How a model starts and is trained: the options that `aggregate` and `local` share. */
export const TRAINING = {
  recipe: {
    kind: "text",
    value: "NAME",
    help: "preset of the training numbers",
    choices: ["default", "deck"],
    default: "default",
  },
  lr: { kind: "number", value: "X", help: "peak learning rate in place of the preset's", range: [1e-8, 10] },
  batch: {
    kind: "integer",
    value: "N",
    help: "images per step in place of the preset's",
    range: [1, 4096],
  },
  augment: { kind: "flag", help: "flip, rotation and brightness on (--no-augment: off)" },
  bn: {
    kind: "text",
    value: "MODE",
    help: "BatchNorm statistics across silos",
    choices: ["average", "frozen"],
  },
  network: {
    kind: "text",
    value: "NAME",
    help: "network",
    choices: ["efficientnet_b0"],
    default: "efficientnet_b0",
  },
  channels: { kind: "integer", value: "N", help: "input channels", choices: ["1", "3"], default: 1 },
  init: {
    kind: "path",
    value: "imagenet|random|FILE",
    help: "start of the model",
    words: ["imagenet", "random"],
    default: "imagenet",
  },
  weights: { kind: "path", value: "FILE", help: "torchvision file for --init imagenet (or FEDX_WEIGHTS)" },
  seed: {
    kind: "integer",
    value: "N",
    help: "seed of everything random",
    range: [0, 4294967295],
    default: 0,
  },
  "local-epochs": { kind: "integer", value: "N", help: "passes per round", range: [1, 1000] },
} as const satisfies Record<string, Option>;

/** The option of a command that writes a file. */
export const FORCE = {
  kind: "flag",
  help: "replace a file of any other kind",
} as const satisfies Option;

/** The option of a role; never in the settings file, where every restart would begin a new run. */
export const NEW = {
  kind: "flag",
  help: "begin another run; the state of the last one is moved aside",
} as const satisfies Option;

/** A model to score. */
export const MODEL = {
  kind: "path",
  value: "FILE",
  help: "model.safetensors written by fedx",
  required: true,
} as const satisfies Option;

/** Whose certificate it is. */
export const ROLE = {
  kind: "text",
  value: "ROLE",
  help: "silo or aggregator",
  choices: ["silo", "aggregator"],
  required: true,
} as const satisfies Option;

/** Where an aggregator answers. */
export const HOST = {
  kind: "texts",
  value: "H",
  help: "DNS name or address of the aggregator (default: localhost)",
} as const satisfies Option;

/** The certificate authority. */
export const CA = {
  kind: "path",
  value: "CA",
  help: "folder of the authority",
  required: true,
} as const satisfies Option;
