import type { Option } from "../option.ts";

/** A command that writes a file. */
export const FORCE = {
  kind: "flag",
  help: "replace a file of any other kind",
} as const satisfies Option;

/** A model to score. */
export const MODEL = {
  kind: "path",
  value: "FILE",
  help: "model.safetensors written by fedx",
  required: true,
} as const satisfies Option;

/** Shards to train on or to score. */
export const SHARDS = {
  kind: "paths",
  value: "SHARD",
  help: "folder written by fedx prepare; may be repeated",
  required: true,
} as const satisfies Option;

/** What a hospital's machine keeps over all its shards. */
export const SITE = {
  kind: "path",
  value: "DIR",
  help: "folder of what this site keeps over all shards and runs (default: ~/.local/share/fedx)",
  more:
    "The secret that patients' ids are hashed with, peers' keys, and what was masked for whom. Made at first use, " +
    "for its user only. `$XDG_DATA_HOME` counts where it is set.",
} as const satisfies Option;

/** A folder of films. */
export const IMAGES = {
  kind: "path",
  value: "DIR",
  help: "folder of PNG, JPEG and DICOM files",
} as const satisfies Option;
