import type { Option } from "../option.ts";

/** The settings file of a role. */
export const CONFIG = {
  kind: "path",
  value: "FILE",
  help: "settings (default: ./fedx.toml where there is one)",
  more: "`fedx init` writes one. What the command line says counts before what the file says.",
  flagOnly: true,
} as const satisfies Option;

/** A role that begins again. */
export const NEW = {
  kind: "flag",
  help: "begin another run; the state of the last one is moved aside",
  more: "Not in the settings file, where every restart would begin a new run.",
  flagOnly: true,
} as const satisfies Option;
