import { JPEG_2000 } from "../../../kernel.ts";
import { MAX_QUARANTINE } from "../../../data/quarantine.ts";
import { UNCERTAIN } from "../../../data/table.ts";
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
      help: "table of films and labels (default: that of an NIH download in --images)",
      more:
        "Recognised by its columns: NIH ChestX-ray14 (Image Index, Finding Labels, Patient ID), CheXpert, " +
        "MIMIC-CXR-JPG, PadChest, VinDr-CXR and RSNA Pneumonia, or an archive's own words (SOPInstanceUID, or " +
        "AccessionNumber and PatientID, with Finding Labels). A gzipped one is read as it is.",
    },
    columns: {
      kind: "list",
      value: "KEY=NAME,…",
      help: "columns of any other table: image=…,labels=…,patient=…[,split=…,age=…,sex=…,view=…]",
      more:
        "Label names have | between. Names of images may lack their ending. A comma within a name is written " +
        "`\\,`, in quotes.",
    },
    uncertain: {
      kind: "text",
      value: "HOW",
      help: "how -1, uncertain, of CheXpert and MIMIC-CXR-JPG is read",
      more: "As 0, as 1, or such films are left out and counted, as without it.",
      choices: UNCERTAIN,
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
    jpeg2000: {
      kind: "text",
      value: "HOW",
      help: "resolution at which JPEG 2000 is decoded",
      more:
        "`reduced`: the film's own lowest resolution that has two pixels or more for each of --size, many times as " +
        "fast. Pixels then differ a little, so a run, a model and its films have one and the same.",
      choices: JPEG_2000,
      default: JPEG_2000[0],
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
    "`source` (`table`, `rows`, `films`, `leftOut` by rule), `dicom`, `evaluation`, `warnings`, `quarantined` by " +
    "reason, `quarantine` (file)",
} as const satisfies Command;
