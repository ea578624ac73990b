import type { Command } from "../option.ts";
import { TRAINING } from "./training.ts";

export const demo = {
  summary: "three hospitals on sample radiographs: CA, aggregator, silos, baselines, report",
  example: "fedx demo --out fedx-demo --minutes 5",
  long: true,
  options: {
    out: {
      kind: "path",
      value: "DIR",
      help: "folder of the demo, reused by the next one",
      default: "fedx-demo",
    },
    minutes: {
      kind: "number",
      value: "N",
      help: "about how long the whole demo may take",
      default: 5,
      range: [1, 1440],
      more:
        "A demo whose federation finishes no round in its share of that time compares nothing and ends with 1.",
    },
    seed: TRAINING.seed,
  },
  json: "`test`, `silos`, `local`, `rounds`, `passes`, `seconds` per phase, `report`",
} as const satisfies Command;
