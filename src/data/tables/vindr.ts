/**
 * VinDr-CXR (Nguyen et al., Scientific Data 2022) in both its forms: a row a reader (`image_labels_train.csv`, and
 * `image_labels_test.csv` with one row a film), and a row a box (`annotations_train.csv`, the challenge's `train.csv`).
 *
 * A film has the labels that more than half of its readers gave. It says nothing of patients: each film is one.
 */

import { type Films, type LabelRow, noneLeftOut, type Reading, type TableForm } from "../table.ts";
import type { CsvRow, CsvTable } from "./csv_table.ts";
import { labelRow, shown } from "./label_row.ts";

const NOTHING = "No finding";

/** The columns of labels, in both files under one name. */
const LABELS = [
  ...[
    "Aortic enlargement",
    "Atelectasis",
    "Calcification",
    "Cardiomegaly",
    "Clavicle fracture",
    "Consolidation",
  ],
  ...["Edema", "Emphysema", "Enlarged PA", "ILD", "Infiltration", "Lung Opacity", "Lung cavity", "Lung cyst"],
  ...["Mediastinal shift", "Nodule/Mass", "Pleural effusion", "Pleural thickening", "Pneumothorax"],
  ...[
    "Pulmonary fibrosis",
    "Rib fracture",
    "Other lesion",
    "COPD",
    "Lung tumor",
    "Pneumonia",
    "Tuberculosis",
  ],
  NOTHING,
];

/** A column that the files of train and test call differently. */
const OTHER = ["Other diseases", "Other disease"];

const IMAGES = { anyEnding: true };

export const VINDR_LABELS: TableForm = {
  name: "VinDr-CXR, a row a reader",
  known: ["image_id", NOTHING],
  columns: ["image_id", ...LABELS],
  images: IMAGES,
  read: (csv, reading) => {
    const columns = [...LABELS, ...OTHER.filter((name) => csv.header.includes(name))];
    return read(csv, reading, ({ cell }) => ({
      labels: columns.filter((name) => cell(name) === "1"),
      problems: columns.filter((name) => !/^[01]$/.test(cell(name)!)).map((name) =>
        `${name} ${shown(cell(name)!)}, neither 0 nor 1`
      ),
    }), { once: true });
  },
};

export const VINDR_BOXES: TableForm = {
  name: "VinDr-CXR, a row a box",
  known: ["image_id", "class_name"],
  columns: ["image_id", "class_name", "rad_id"],
  images: IMAGES,
  read: (csv, reading) =>
    read(csv, reading, ({ cell }) => {
      const name = cell("class_name")!;
      return name === ""
        ? { labels: [], problems: ["an empty class_name"] }
        : { labels: [name], problems: [] };
    }, { once: false }),
};

/** What one row says. */
type Say = (row: CsvRow) => { labels: string[]; problems: string[] };

const NAMES = { image: "image_id", labels: "labels", patient: "image_id" };

/** @param options.once a reader has one row a film */
function read(csv: CsvTable, { vocabulary }: Reading, say: Say, options: { once: boolean }): Films {
  const leftOut = noneLeftOut(), rows: LabelRow[] = [];
  for (const [image, ofFilm] of Map.groupBy(csv.rows, ({ cell }) => cell("image_id")!)) {
    const readers = new Map<string, Set<string>>(), problems = new Set<string>();
    for (const row of ofFilm) {
      const reader = row.cell("rad_id") ?? "";
      if (reader === "" && csv.header.includes("rad_id")) problems.add("no rad_id");
      if (options.once && readers.has(reader)) problems.add("a reader twice");
      const said = say(row);
      said.problems.forEach((problem) => problems.add(problem));
      readers.set(reader, new Set([...readers.get(reader) ?? [], ...said.labels]));
    }
    const labels = majority([...readers.values()]);
    if (labels.length === 0 && problems.size === 0) leftOut.no_majority++;
    else {
      const [{ line, cell }] = ofFilm;
      const parts = { line, image, patient: image, labels, split: cell("split"), problems: [...problems] };
      rows.push(labelRow(parts, { names: NAMES, vocabulary }));
    }
  }
  return { rows, leftOut };
}

/** The labels that more than half of the readers gave. */
function majority(readers: readonly ReadonlySet<string>[]): string[] {
  const all = new Set(readers.flatMap((labels) => [...labels]));
  return [...all].filter((name) => 2 * readers.filter((labels) => labels.has(name)).length > readers.length);
}
