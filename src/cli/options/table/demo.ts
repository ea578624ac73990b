import type { Command } from "../option.ts";
import { TRAINER } from "./engine.ts";
import { LENGTH, TRAINING } from "./training.ts";

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
    rounds: {
      ...LENGTH.rounds,
      help: "rounds of the federation, however long they take",
      more: "Then --minutes does not count.",
    },
    size: {
      kind: "integer",
      value: "N",
      help: "side of the drawn films in pixels",
      range: [32, 256],
      default: 64,
    },
    films: {
      kind: "integer",
      value: "N",
      help: "films that each hospital trains on",
      more: "For every 15 of them it has 4 films more for val and 8 for test.",
      range: [96, 100_000],
      default: 480,
    },
    init: TRAINING.init,
    weights: TRAINING.weights,
    seed: TRAINING.seed,
    device: TRAINER.device,
    deterministic: TRAINER.deterministic,
  },
  json: "`test`, `silos`, `local`, `rounds`, `passes`, `seconds` per phase, `report`",
} as const satisfies Command;
