import type { Command } from "../option.ts";

export const version = {
  summary: "what this fedx is made of: program, Deno, shims, the libtorch used last",
  example: "fedx version --json",
  options: {},
  json: "`fedx`, `build`, `deno`, `wire`, `shims`, `libtorch`",
} as const satisfies Command;
