import type { Command } from "../option.ts";
import { ENGINE } from "./engine.ts";
import { TRAINING } from "./training.ts";

export const networks = {
  summary: "the networks that can be trained: their size, and how fast they are here",
  example: "fedx networks --size 128",
  options: {
    size: {
      kind: "integer",
      value: "PIXELS",
      help: "side of the films that the speed is measured with",
      range: [32, 1024],
      default: 128,
    },
    batch: { ...TRAINING.batch, help: "images per step", range: [2, 4096], default: 11 },
    ...ENGINE,
  },
  json:
    "`networks` [{`name`, `title`, `parameters`, `bytes` (of a model: a hospital takes and sends as many each round), " +
    "`images_per_second` {`training`, `scoring`} or null without an engine}], `device`, `threads`, `size`, `batch`",
} as const satisfies Command;
