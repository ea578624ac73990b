/**
 * The 14 label columns that CheXpert and MIMIC-CXR-JPG share (Irvin et al., AAAI 2019): 1 there, 0 not there, -1
 * uncertain, empty not mentioned.
 *
 * Why “Support Devices” is no finding here: a tube is no disease, and the labeler sets “No Finding” beside it.
 * Why one -1 leaves a film out although another finding is sure: a shard keeps all findings, and a label rule may ask
 * for the very one that is uncertain.
 */

import { NO_FINDING } from "../findings.ts";
import type { Uncertain } from "../table.ts";
import type { CsvRow } from "./csv_table.ts";
import { shown } from "./label_row.ts";

/** The columns of findings. */
const FINDINGS = [
  "Enlarged Cardiomediastinum",
  "Cardiomegaly",
  "Lung Opacity",
  "Lung Lesion",
  "Edema",
  "Consolidation",
  "Pneumonia",
  "Atelectasis",
  "Pneumothorax",
  "Pleural Effusion",
  "Pleural Other",
  "Fracture",
];

/** All 14 columns. */
export const CHEXPERT_COLUMNS = [NO_FINDING, ...FINDINGS, "Support Devices"];

/** What the 14 cells of a row say. */
export interface Said {
  labels: string[];
  problems: string[];
  /** Why the film is left out by rule, where its cells are in order. */
  leftOut?: "uncertain" | "unlabelled";
}

/** Reads the 14 cells of a row. */
export function readChexpertLabels({ cell }: CsvRow, uncertain: Uncertain): Said {
  const values = new Map(CHEXPERT_COLUMNS.map((name) => [name, (cell(name) ?? "").replace(/\.0+$/, "")]));
  const problems = [...values].filter(([name, value]) => !isLegal(name, value)).map(([name]) =>
    `${name} ${shown(cell(name)!)}, not one of 1, 0, -1 or empty`
  );
  const doubtful = FINDINGS.filter((name) => values.get(name) === "-1");
  if (problems.length > 0) return { labels: [], problems };
  if (doubtful.length > 0 && uncertain === "leave-out") return { labels: [], problems, leftOut: "uncertain" };
  const there = uncertain === "one" ? ["1", "-1"] : ["1"];
  const labels = FINDINGS.filter((name) => there.includes(values.get(name)!));
  // No Finding is empty beside an uncertain finding; with that one read as 0, nothing is found.
  const nothing = values.get(NO_FINDING) === "1" ||
    (labels.length === 0 && (doubtful.length > 0 || FINDINGS.every((name) => values.get(name) === "0")));
  if (nothing) labels.push(NO_FINDING);
  return { labels, problems, ...labels.length === 0 && { leftOut: "unlabelled" } };
}

/** Nobody is uncertain of finding nothing. */
function isLegal(name: string, value: string): boolean {
  return ["1", "0", ""].includes(value) || (value === "-1" && name !== NO_FINDING);
}
