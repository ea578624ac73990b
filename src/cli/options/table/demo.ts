import type { Command } from "../option.ts";
import { TRAINER } from "./engine.ts";
import { TRAINING } from "./training.ts";

/** Passes over each hospital's training films; README's figures come from so many. */
const PASSES = 12;
/** Threads of each hospital: a number of its own, since a share of the machine's cores would give each machine other bits. */
const THREADS = 1;

export const demo = {
  summary: "three hospitals on sample radiographs: CA, aggregator, silos, baselines, report",
  example: "fedx demo --out fedx-demo",
  long: true,
  options: {
    out: {
      kind: "path",
      value: "DIR",
      help: "folder of the demo, reused by the next one",
      default: "fedx-demo",
    },
    passes: {
      kind: "integer",
      value: "N",
      help: "passes over the films that each hospital trains on",
      more:
        "The hospitals make them together, then each makes as many alone. How long that takes on this machine is said first.",
      range: [1, 1000],
      default: PASSES,
    },
    minutes: {
      kind: "number",
      value: "N",
      help: "limit of the whole demo by its own estimate (default: none)",
      more:
        "Where it is too short for --passes, fewer are made, and a line says so: that mostly means a lower AUROC, and " +
        "the figures depend on how fast the machine is. One without room for a single pass is refused.",
      range: [1, 1440],
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
    threads: {
      ...TRAINER.threads,
      help: "CPU threads of each hospital; three train at once",
      more:
        "On one machine the same passes, seed and threads give the same weights, however busy it is and however " +
        "many cores it lends. Other threads add in another order, and give slightly other weights.",
      default: THREADS,
    },
    deterministic: TRAINER.deterministic,
  },
  json:
    "`test`, `silos`, `local`, `rounds`, `passes`, `sha256` (of the selected federated model's weights; in `local` each hospital's own), `last_sha256`, `seconds` per phase, `report`",
} as const satisfies Command;
