import { MAX_QUARANTINE } from "../../../data/quarantine.ts";
import { DEFAULT_SALT } from "../../../data/split.ts";
import type { Command } from "../option.ts";
import { IMAGES, SITE } from "./files.ts";

export const prepare = {
  summary: "images and their labels → shard",
  example: "fedx prepare --images films --labels labels.csv --size 128 --out shard-b",
  options: {
    images: { ...IMAGES, required: true },
    labels: {
      kind: "path",
      value: "CSV",
      help: "Image Index, Finding Labels, Patient ID, … (default: that of an NIH download in --images)",
    },
    negative: {
      kind: "list",
      value: "NAME,…",
      help: "the labels file's own words for nothing found, beside No Finding",
      more:
        "Case, blanks and underscores do not matter. A comma within a name is written `\\,`, in quotes. Every other " +
        "name that is not NIH's counts as a finding.",
    },
    size: {
      kind: "integer",
      value: "N",
      help: "side of the stored images in pixels",
      more: "A run takes shards of one size only: that of `fedx aggregate --size`.",
      default: 128,
      range: [32, 1024],
    },
    out: { kind: "path", value: "SHARD", help: "folder to write", required: true },
    "max-quarantine": {
      kind: "number",
      value: "F",
      help: "largest share of unusable rows",
      default: MAX_QUARANTINE,
      range: [0, 1],
    },
    salt: { kind: "text", value: "TEXT", help: "salt of the split by patient", default: DEFAULT_SALT },
    evaluation: {
      kind: "flag",
      help: "a shard to score only: a split, or a class of one, may be missing",
      more: "`fedx evaluate` and `fedx predict` take it, nothing trains on it.",
    },
    site: SITE,
    force: { kind: "flag", help: "replace an existing shard" },
  },
  json:
    "`images`, `patients`, `positives`, `splits`, `labels` (`name`, `films`, `reading`, other `spellings`), " +
    "`evaluation`, `warnings`, `quarantined` by reason, `quarantine` (file)",
} as const satisfies Command;
