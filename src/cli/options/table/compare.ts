import type { Command } from "../option.ts";
import { ENGINE } from "./engine.ts";
import { SHARDS } from "./files.ts";
import { APART, LABELS } from "./training.ts";

/** A list of which every member makes further trainings. */
const list = (value: string, help: string, more?: string) =>
  ({ kind: "list", value, help, ...more === undefined ? {} : { more } }) as const;

export const compare = {
  summary: "networks, recipes, starts and ways of federating, beside pooled and alone",
  example: "fedx compare --shard shard-a --shard shard-b --shard shard-c --out fedx-compare",
  long: true,
  resumable: true,
  apart: [APART],
  options: {
    shard: {
      ...SHARDS,
      help: "a hospital's shard; one for each hospital",
      more: "To compare sizes, name each hospital's shard of every size, the hospitals in the same order.",
    },
    out: {
      kind: "path",
      value: "DIR",
      help: "folder of the comparison: a row for each training, and the report",
      more: "A training whose row is there is not made again.",
      required: true,
    },
    deck: {
      kind: "flag",
      help: "the hackathon deck's experiments, with its own lists",
      more:
        "Five passes in one round, rounds of less than a pass, many rounds of one pass; batches of 16 and 32; " +
        "learning rates; three networks. The report says which of the deck's findings hold.",
    },
    method: list("NAMES", "federated, pooled, alone (default: all; with --deck federated)"),
    network: list("NAMES", "networks to train (default: efficientnet_b0)"),
    recipe: list("NAMES", "presets: default, deck (default: default)"),
    init: list("NAMES", "starts: imagenet, random or files (default: imagenet)"),
    batch: list("NUMBERS", "images per step (default: the preset's)"),
    lr: list(
      "NUMBERS",
      "peak learning rates (default: the preset's)",
      "The preset `default` has .002 where several hospitals are federated and .001 elsewhere.",
    ),
    "local-epochs": list("NUMBERS", "passes a round of the federation (default: 1)"),
    passes: {
      kind: "number",
      value: "N",
      help: "passes over the training films of every training (default: 6)",
      range: [0.01, 100_000],
    },
    budget: {
      kind: "duration",
      value: "TIME",
      help: "in place of --passes: seconds of every training",
      more: "As many passes as a training does in it at the speed measured here, all hospitals at once.",
    },
    positive: {
      ...LABELS.positive,
      help:
        "films with at least one of these findings are positive (default: the rule of the --init files, else any finding)",
    },
    exclude: LABELS.exclude,
    seeds: {
      kind: "integer",
      value: "N",
      help: "trainings of each kind, seeds 0 and up (default: 1, with --deck 2)",
      range: [1, 100],
    },
    folds: {
      kind: "integer",
      value: "K",
      help: "K trainings in place of each, tested on another part of the patients",
      more: "Without it the shards' own splits are used.",
      range: [2, 20],
    },
    device: ENGINE.device,
    threads: {
      ...ENGINE.threads,
      help: "CPU threads of one training; as many run at once as there are cores for",
      default: 1,
    },
  },
  json:
    "`machine`, `label_rule`, `ways` [{`network`, `recipe`, `init`, `batch`, `lr`, `local_epochs`, `size`, `methods` by name {`trainings`, " +
    "`auroc`, `passes`, `seconds`, `better` (federated than it) {`difference`, `ci95`}, `first` (than the first way) {`difference`, `ci95`}}}], " +
    "`findings` [{`finding`, `difference`, `ci95`, `holds` (yes, no or open)}], `rows`, `report`",
} as const satisfies Command;
