import type { Command } from "../option.ts";
import { SCORING } from "./engine.ts";
import { FORCE, IMAGES, MODEL } from "./files.ts";

export const predict = {
  summary: "a logit and a probability for each image",
  example: "fedx predict --model model.safetensors --images films --out scores.csv",
  either: [["images", "shard"]],
  options: {
    model: MODEL,
    images: IMAGES,
    shard: { kind: "path", value: "SHARD", help: "every row of a shard, in shard order" },
    out: { kind: "path", value: "CSV", help: "Image Index,logit,probability", required: true },
    force: FORCE,
    ...SCORING,
  },
  json: "`images`, `failed`, `seconds`",
} as const satisfies Command;
