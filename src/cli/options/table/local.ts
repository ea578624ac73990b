import type { Command } from "../option.ts";
import { TRAINER } from "./engine.ts";
import { FORCE, SHARDS } from "./files.ts";
import { APART, LENGTH, TRAINING } from "./training.ts";

export const local = {
  summary: "the same engine without federation: one hospital alone, or all pooled",
  example: "fedx local --shard shard-b --epochs 4 --out model-b.safetensors",
  long: true,
  either: [["epochs", "rounds", "budget"]],
  apart: [APART],
  options: {
    shard: { ...SHARDS, help: "shard to train on; may be repeated" },
    epochs: {
      kind: "integer",
      value: "N",
      help: "passes over the training images, scored after each",
      range: [1, 100_000],
    },
    rounds: { ...LENGTH.rounds, help: "rounds, with fresh optimizer moments each" },
    budget: { ...LENGTH.budget, more: undefined },
    out: {
      kind: "path",
      value: "MODEL",
      help: "file for the selected model",
      more: "The one selected so far lies there from the second round on, also where the command is stopped.",
      required: true,
    },
    force: FORCE,
    train: {
      kind: "text",
      value: "PART",
      help: "what of the network is trained",
      more:
        "`all` is everything; `head` the classifier alone: all else stays as the start has it, BatchNorm's statistics " +
        "too. A pass takes as long.",
      choices: ["head", "all"],
      default: "all",
    },
    ...TRAINING,
    ...TRAINER,
  },
  json:
    "`label_rule`, `selection`, `test`, `own` {`threshold`, `sensitivity`, `specificity`}, `start` by shard where --init names a file {`auroc`, `se`, `difference` {`auroc`, `ci95`}}, `epochs`, `seconds`, `model`, `sha256` (of its weights), `file_sha256`",
} as const satisfies Command;
