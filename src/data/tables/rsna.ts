/**
 * RSNA Pneumonia Detection Challenge (Shih et al., Radiology: AI 2019): a row a box.
 *
 * Why the class file is required: Target = 0 holds for healthy films and for ill ones without an opacity alike.
 */

import { type Films, noneLeftOut, type Reading, type TableForm } from "../table.ts";
import type { CsvRow, CsvTable } from "./csv_table.ts";
import { labelRow, shown } from "./label_row.ts";

const CLASSES = "stage_2_detailed_class_info.csv";
const OPACITY = "Lung Opacity", NORMAL = "Normal";
const NAMES = [NORMAL, "No Lung Opacity / Not Normal", OPACITY];

export const RSNA: TableForm = {
  name: "RSNA Pneumonia",
  known: ["patientId", "Target"],
  columns: ["patientId", "Target"],
  negative: [NORMAL],
  beside: [{ name: CLASSES, columns: ["patientId", "class"], why: "Target = 0 alone does not mean normal" }],
  images: { anyEnding: true },
  read,
};

function read(csv: CsvTable, { vocabulary, beside }: Reading): Films {
  const classes = Map.groupBy(beside.get(CLASSES)!.rows, idOf);
  const names = { image: "patientId", labels: "class", patient: "patientId" };
  const rows = [...Map.groupBy(csv.rows, idOf)].map(([image, ofFilm]) => {
    const [{ line, cell }] = ofFilm;
    const targets = cellsOf(ofFilm, "Target"), labels = cellsOf(classes.get(image) ?? [], "class");
    const problems = problemsOf(targets, labels);
    const parts = { line, image, patient: image, split: cell("split"), problems };
    return labelRow({ ...parts, labels: problems.length > 0 ? [] : labels }, { names, vocabulary });
  });
  return { rows, leftOut: noneLeftOut() };
}

function idOf({ cell }: CsvRow): string {
  return cell("patientId")!;
}

/** The different cells of a column. */
function cellsOf(rows: readonly CsvRow[], column: string): string[] {
  return [...new Set(rows.map(({ cell }) => cell(column)!))];
}

function problemsOf(targets: readonly string[], labels: readonly string[]): string[] {
  const target = targets.find((cell) => !/^[01]$/.test(cell)),
    label = labels.find((cell) => !NAMES.includes(cell));
  if (target !== undefined) return [`Target ${shown(target)}, neither 0 nor 1`];
  if (label !== undefined) return [`class ${shown(label)}, not one of ${NAMES.join(", ")}`];
  if (labels.length === 0) return [`a patientId that ${CLASSES} lacks`];
  if (targets.length > 1) return ["Target 0 and 1"];
  if (labels.length > 1) return [`classes ${labels.join(" and ")}`];
  const agree = (targets[0] === "1") === (labels[0] === OPACITY);
  return agree ? [] : [`Target ${targets[0]} beside class ${labels[0]}`];
}
