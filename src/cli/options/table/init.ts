import type { Command } from "../option.ts";

export const init = {
  summary:
    "write a commented fedx.toml for the aggregator, or for one silo; a file gets the section it lacks",
  example: "fedx init --silo b",
  options: {
    silo: { kind: "name", value: "NAME", help: "write the silo's file, not the aggregator's" },
    out: { kind: "path", value: "FILE", help: "file to write", default: "fedx.toml" },
    force: { kind: "flag", help: "overwrite the file" },
  },
  json: "`file`",
} as const satisfies Command;
