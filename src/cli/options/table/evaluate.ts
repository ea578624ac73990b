import type { Command } from "../option.ts";
import { SCORING } from "./engine.ts";
import { FORCE, MODEL, SHARDS } from "./files.ts";

export const evaluate = {
  summary: "exact scores of a model, per shard and pooled",
  example: "fedx evaluate --model model.safetensors --shard shard-a --shard shard-b --plot roc.svg",
  options: {
    model: MODEL,
    shard: { ...SHARDS, help: "shard to score; may be repeated" },
    split: {
      kind: "text",
      value: "NAME",
      help: "images to score",
      choices: ["train", "val", "test", "all"],
      default: "test",
    },
    plot: { kind: "path", value: "FILE", help: "draw the ROC curves, as an SVG (.svg) or a PNG (.png)" },
    force: FORCE,
    ...SCORING,
  },
  json: "`auroc`, `ci95`, `images`, `positives`, `label_rule`, `stratified`, `shards`, `at_threshold`",
} as const satisfies Command;
