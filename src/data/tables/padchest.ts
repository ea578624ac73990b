/** PadChest (Bustos et al., Medical Image Analysis 2020): labels as a Python list, age from two dates. */

import {
  type Films,
  type LabelRow,
  type LeftOut,
  noneLeftOut,
  type Reading,
  type TableForm,
} from "../table.ts";
import type { CsvRow, CsvTable } from "./csv_table.ts";
import { factsOf, viewRule } from "./facts.ts";
import { labelRow, shown } from "./label_row.ts";

export const PADCHEST: TableForm = {
  name: "PadChest",
  known: ["ImageID"],
  columns: ["ImageID", "PatientID", "Projection", "Labels"],
  negative: ["normal"],
  images: { outerFolder: true },
  read,
};

/** Labels by which its authors say that a film is no use, and one that tells nothing of findings. */
const EXCLUDED = ["exclude", "suboptimal study"], NOTHING = "unchanged";

const NAMES = { image: "ImageID", labels: "Labels", patient: "PatientID" };

function read(csv: CsvTable, { vocabulary }: Reading): Films {
  const leftOut = noneLeftOut(), rows: LabelRow[] = [];
  for (const row of csv.rows) {
    const { line, cell } = row;
    const labels = namesOf(cell("Labels")!);
    const rule = ruleOf(cell("Projection")!, labels);
    if (rule !== undefined) {
      leftOut[rule]++;
      continue;
    }
    rows.push(labelRow({
      ...{ line, image: imageOf(row), patient: cell("PatientID")!, split: cell("split") },
      labels: labels ?? [],
      facts: factsOf({
        age: ageOf(row),
        sex: cell("PatientSex_DICOM"),
        view: viewName(cell("Projection")!),
      }),
      problems: labels === null ? [`Labels ${shown(cell("Labels")!)}, not a list such as ['normal']`] : [],
    }, { names: NAMES, vocabulary }));
  }
  return { rows, leftOut };
}

/** What a list such as `['cardiomegaly', 'unchanged']` tells; none of an empty cell, null for any other text. */
function namesOf(cell: string): string[] | null {
  if (cell === "" || cell === "nan") return [];
  if (!/^\[(\s*('[^']*'|"[^"]*")\s*(,|(?=\])))*\s*\]$/.test(cell)) return null;
  return [...cell.matchAll(/'([^']*)'|"([^"]*)"/g)].map(([, one, two]) => (one ?? two).trim())
    .filter((name) => name !== "" && name !== NOTHING);
}

/** Lying patients are taken AP. */
function viewName(projection: string): string {
  return projection === "AP_horizontal" ? "AP" : projection;
}

/** The rule that leaves a film out, if one does; `labels` is null where they cannot be read. */
function ruleOf(projection: string, labels: readonly string[] | null): keyof LeftOut | undefined {
  if (projection === "EXCLUDE") return "excluded";
  const view = viewRule(viewName(projection));
  if (view !== undefined || labels === null) return view;
  if (labels.length === 0) return "unlabelled";
  return labels.some((name) => EXCLUDED.includes(name)) ? "excluded" : undefined;
}

/** Its films lie in numbered folders, or, unpacked by hand, in one. */
function imageOf({ cell }: CsvRow): string {
  const folder = cell("ImageDir"), image = cell("ImageID")!;
  return folder && image ? `${folder}/${image}` : image;
}

/** Whole years between the year of birth and the year of the study (YYYYMMDD). */
function ageOf({ cell }: CsvRow): string {
  const born = Number(cell("PatientBirth") || NaN),
    taken = Number((cell("StudyDate_DICOM") ?? "").slice(0, 4) || NaN);
  return String(taken - born);
}
