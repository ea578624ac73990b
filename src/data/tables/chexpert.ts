/** CheXpert (Irvin et al., AAAI 2019): `train.csv`, `valid.csv`; the patient is a folder of the path. */

import { type Films, type LabelRow, noneLeftOut, type Reading, type TableForm } from "../table.ts";
import { CHEXPERT_COLUMNS, readChexpertLabels } from "./chexpert_labels.ts";
import type { CsvTable } from "./csv_table.ts";
import { factsOf } from "./facts.ts";
import { labelRow, shown } from "./label_row.ts";

const COLUMNS = ["Path", "Sex", "Age", "Frontal/Lateral", "AP/PA", ...CHEXPERT_COLUMNS];

/** Of a path such as `CheXpert-v1.0-small/train/patient00001/study1/view1_frontal.jpg`: split and patient. */
const PATH = /(?:(?:^|\/)(train|valid|test))?(?:^|\/)(patient\d+)\//;

export const CHEXPERT: TableForm = {
  name: "CheXpert",
  known: ["Path", "Frontal/Lateral"],
  columns: COLUMNS,
  uncertain: true,
  images: { outerFolder: true },
  read,
};

function read(csv: CsvTable, { vocabulary, uncertain }: Reading): Films {
  const leftOut = noneLeftOut(), rows: LabelRow[] = [];
  const own = csv.header.includes("split");
  const names = { image: "Path", labels: "the label columns", patient: "patient in Path" };
  for (const row of csv.rows) {
    const { line, cell } = row;
    const image = cell("Path")!, view = cell("Frontal/Lateral")!;
    const [, folder, patient = ""] = PATH.exec(image) ?? [];
    if (view === "Lateral") {
      leftOut.lateral_view++;
      continue;
    }
    const { labels, problems, leftOut: rule } = readChexpertLabels(row, uncertain);
    if (view !== "Frontal") problems.push(`Frontal/Lateral ${shown(view)}, neither of the two`);
    if (rule !== undefined && problems.length === 0) {
      leftOut[rule]++;
      continue;
    }
    const facts = factsOf({ age: cell("Age"), sex: cell("Sex"), view: cell("AP/PA") });
    const split = own ? cell("split") : folder === "valid" ? "val" : folder;
    rows.push(labelRow({ line, image, patient, labels, facts, split, problems }, { names, vocabulary }));
  }
  return own ? { rows, leftOut } : { ...bySplitFolder(rows), leftOut };
}

/** The table of one folder alone says nothing of splits: they are drawn then. */
function bySplitFolder(rows: LabelRow[]): Pick<Films, "rows" | "split"> {
  if (new Set(rows.flatMap(({ split }) => split ?? [])).size > 1) return { rows, split: "path" };
  return { rows: rows.map((row) => ({ ...row, split: undefined })) };
}
