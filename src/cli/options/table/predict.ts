import type { Command } from "../option.ts";
import { SCORING } from "./engine.ts";
import { FORCE, IMAGES, MODEL } from "./files.ts";

export const predict = {
  summary: "a logit, a probability and a decision for each image",
  example: "fedx predict --model model.safetensors --images films --out scores.csv",
  either: [["images", "shard"]],
  options: {
    model: MODEL,
    images: IMAGES,
    shard: { kind: "path", value: "SHARD", help: "every row of a shard, in shard order" },
    out: {
      kind: "path",
      value: "CSV",
      help: "Image Index,logit,probability,decision,error",
      more:
        "A film that cannot be scored has a row that says why; the exit code is 1 then. With --shard there is a " +
        "column `split` as well.",
      required: true,
    },
    threshold: {
      kind: "number",
      value: "P",
      help: "probability from which on the decision is `finding` (default: the model's own threshold)",
      more: "A hospital's own copy of a model has a threshold fixed on its val films; the hub's has none.",
      between: [0, 1],
    },
    accession: {
      kind: "flag",
      help: "a column `accession` with the accession number of each DICOM file of --images",
    },
    force: FORCE,
    ...SCORING,
  },
  json: "`images`, `failed`, `label_rule`, `threshold`, `seconds`",
} as const satisfies Command;
