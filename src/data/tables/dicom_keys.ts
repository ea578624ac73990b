/**
 * Tables that name films by what their DICOM files say of themselves, not by files' names. What columns `age`, `sex` and
 * `view` tell comes before what the files do.
 */

import { type Films, type LabelRow, noneLeftOut, type Reading, type TableForm } from "../table.ts";
import type { CsvTable } from "./csv_table.ts";
import { factsOf, viewOf } from "./facts.ts";
import { labelRow } from "./label_row.ts";

const UID = "SOPInstanceUID", ACCESSION = "AccessionNumber", PATIENT = "PatientID", LABELS = "Finding Labels";

/** One row a film. The patient may be left to the film's own file. */
export const BY_INSTANCE: TableForm = {
  name: "films by SOPInstanceUID",
  known: [UID],
  columns: [UID, LABELS],
  images: { dicom: true },
  read: (csv, reading) =>
    readKeyed(csv, reading, {
      image: UID,
      keyOf: (cell) => ({
        instance: cell(UID)!,
        patient: csv.header.includes(PATIENT) ? cell(PATIENT) : undefined,
      }),
    }),
};

/** One row a study, whose labels all its frontal films have. */
export const BY_STUDY: TableForm = {
  name: "studies by AccessionNumber and PatientID",
  known: [ACCESSION, PATIENT],
  without: [UID],
  columns: [ACCESSION, PATIENT, LABELS],
  images: { dicom: true },
  read: (csv, reading) =>
    readKeyed(csv, reading, {
      image: ACCESSION,
      keyOf: (cell) => ({ accession: cell(ACCESSION)!, patient: cell(PATIENT) }),
    }),
};

function readKeyed(
  csv: CsvTable,
  { vocabulary }: Reading,
  { image, keyOf }: {
    image: string;
    keyOf: (cell: (column: string) => string | undefined) => NonNullable<LabelRow["dicom"]>;
  },
): Films {
  const names = { image, labels: LABELS, patient: PATIENT };
  const leftOut = noneLeftOut();
  const rows = csv.rows.flatMap(({ line, cell }) => {
    if (viewOf(cell("view") ?? "") === "lateral") {
      leftOut.lateral_view++;
      return [];
    }
    const dicom = keyOf(cell);
    const labels = (cell(LABELS) ?? "").split("|").map((name) => name.trim());
    const row = labelRow({
      line,
      image: dicom.instance ?? dicom.accession ?? "",
      // The file tells it where the table does not.
      patient: dicom.patient ?? TOLD_BY_FILE,
      labels: labels.filter((name) => name !== ""),
      facts: factsOf({ age: cell("age"), sex: cell("sex"), view: cell("view") }),
      split: cell("split"),
      problems: labels.includes("") ? ["an empty finding label"] : [],
    }, { names, vocabulary });
    return { ...row, dicom };
  });
  return { rows, leftOut };
}

/** In a patient's place until the film's file is read. */
const TOLD_BY_FILE = "?";
