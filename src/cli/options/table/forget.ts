import type { Command } from "../option.ts";
import { SITE } from "./files.ts";

export const forget = {
  summary: "takes patients out of a shard, and says which runs had trained with it",
  example: "fedx forget --ids withdrawn.txt --shard shard-b",
  options: {
    ids: {
      kind: "path",
      value: "FILE",
      help: "patients' ids as in the labels file, one a line; - is standard input",
      more:
        "Ids stand in no command line, where other users of the machine would see them. Those that are not in " +
        "the shard are counted, not shown.",
      words: ["-"],
      required: true,
    },
    shard: { kind: "path", value: "SHARD", help: "folder written by fedx prepare", required: true },
    site: {
      ...SITE,
      more: "The one that the shard was prepared with. `$XDG_DATA_HOME` counts where it is set.",
    },
    state: {
      kind: "paths",
      value: "DIR",
      help: "state folder of a silo, or one with such folders in it (default: fedx-state); may be repeated",
    },
  },
  json:
    "`films`, `patients` (taken out), `unknown` (ids of nobody in it), `left` {`films`, `patients`}, `shard`, " +
    "`digest`, `before` (digests of the shard as it was), `evaluation`, `lacks`, `quarantine` (file), " +
    "`runs` [`silo`, `run`, `rounds`, `latest`, `running`, `finished`, `state`]",
} as const satisfies Command;
