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
import { factsOf, viewOf } from "./facts.ts";
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
    const listed = namesOf(cell("Labels")!);
    const labels = listed?.filter((name) => name !== NOTHING) ?? [];
    const rule = viewRule(cell("Projection")!) ??
      (listed === null
        ? undefined
        : labels.length === 0
        ? "unlabelled"
        : labels.some((name) => EXCLUDED.includes(name))
        ? "excluded"
        : undefined);
    if (rule !== undefined) {
      leftOut[rule]++;
      continue;
    }
    rows.push(labelRow({
      ...{ line, labels, image: imageOf(row), patient: cell("PatientID")!, split: cell("split") },
      facts: factsOf({
        age: ageOf(row),
        sex: cell("PatientSex_DICOM"),
        view: viewName(cell("Projection")!),
      }),
      problems: listed === null ? [`Labels ${shown(cell("Labels")!)}, not a list such as ['normal']`] : [],
    }, { names: NAMES, vocabulary }));
  }
  return { rows, leftOut };
}

/** The names of a list such as `['cardiomegaly', 'normal']`; none of an empty cell, null for any other text. */
function namesOf(cell: string): string[] | null {
  if (cell === "" || cell === "nan") return [];
  if (!/^\[(\s*('[^']*'|"[^"]*")\s*(,|(?=\])))*\s*\]$/.test(cell)) return null;
  return [...cell.matchAll(/'([^']*)'|"([^"]*)"/g)].map(([, one, two]) => (one ?? two).trim())
    .filter((name) => name !== "");
}

/** Lying patients are taken AP. */
function viewName(projection: string): string {
  return projection === "AP_horizontal" ? "AP" : projection;
}

function viewRule(projection: string): keyof LeftOut | undefined {
  if (projection === "EXCLUDE") return "excluded";
  const view = viewOf(viewName(projection));
  return view === "lateral" ? view : view === undefined ? "other_view" : undefined;
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
