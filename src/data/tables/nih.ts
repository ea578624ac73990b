/** NIH ChestX-ray14's columns (Wang et al., CVPR 2017), which a hospital's own file may have too. */

import type { TableForm } from "../table.ts";
import { readNamed } from "./named_columns.ts";

const COLUMNS = { image: "Image Index", labels: "Finding Labels", patient: "Patient ID" } as const;

export const NIH: TableForm = {
  name: "NIH ChestX-ray14",
  known: [COLUMNS.image],
  columns: Object.values(COLUMNS),
  read: (csv, reading) =>
    readNamed(csv, {
      ...COLUMNS,
      age: "Patient Age",
      sex: csv.header.includes("Patient Sex") ? "Patient Sex" : "Patient Gender",
      view: "View Position",
      split: "split",
    }, reading),
};
