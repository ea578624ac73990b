/**
 * MIMIC-CXR-JPG (Johnson et al., 2019): labels by study. Which films a study has, and their views, is in the metadata
 * beside it; the published split is in a third file.
 */

import { type Films, type LabelRow, noneLeftOut, type Reading, type TableForm } from "../table.ts";
import { CHEXPERT_COLUMNS, readChexpertLabels } from "./chexpert_labels.ts";
import type { CsvRow, CsvTable } from "./csv_table.ts";
import { factsOf, viewRule } from "./facts.ts";
import { type FilmParts, labelRow } from "./label_row.ts";

const METADATA = "mimic-cxr-2.0.0-metadata.csv", SPLIT = "mimic-cxr-2.0.0-split.csv";

export const MIMIC: TableForm = {
  name: "MIMIC-CXR-JPG",
  known: ["study_id", "No Finding"],
  columns: ["subject_id", "study_id", ...CHEXPERT_COLUMNS],
  uncertain: true,
  beside: [
    {
      name: METADATA,
      columns: ["dicom_id", "subject_id", "study_id", "ViewPosition"],
      why: "it says which images a study has",
    },
    { name: SPLIT, columns: ["dicom_id", "split"] },
  ],
  images: { outerFolder: true },
  read,
};

const NAMES = { image: "dicom_id", labels: "the label columns", patient: "subject_id" };

function read(csv: CsvTable, { vocabulary, uncertain, beside }: Reading): Films {
  const leftOut = noneLeftOut(), rows: LabelRow[] = [];
  const filmsOf = Map.groupBy(beside.get(METADATA)!.rows, ({ cell }) => cell("study_id")!);
  // A column `split` of the hospital's own comes before the published one.
  const list = csv.header.includes("split")
    ? undefined
    : beside.get(SPLIT)?.rows.map(({ cell }) => [cell("dicom_id")!, cell("split")!] as const);
  const splits = list && new Map(list);
  for (const study of csv.rows) {
    const { leftOut: rule, ...said } = readChexpertLabels(study, uncertain);
    const films = filmsOf.get(study.cell("study_id")!);
    for (const film of films ?? [undefined]) {
      const out = (film && viewRule(film.cell("ViewPosition")!)) ?? rule;
      if (out !== undefined) leftOut[out]++;
      else rows.push(labelRow(partsOf(study, { film, splits, said }), { names: NAMES, vocabulary }));
    }
  }
  return { rows, leftOut, ...splits !== undefined && { split: "mimic" } };
}

/** A study's film; undefined = the metadata have none of it. */
function partsOf(
  { line, cell }: CsvRow,
  { film, splits, said }: {
    film?: CsvRow;
    splits?: ReadonlyMap<string, string>;
    said: { labels: string[]; problems: readonly string[] };
  },
): FilmParts {
  const patient = cell("subject_id")!, problems = [...said.problems];
  if (film === undefined) {
    return {
      line,
      image: "",
      patient,
      ...said,
      problems: [...problems, `a study_id that ${METADATA} lacks`],
    };
  }
  const id = film.cell("dicom_id")!, split = splits?.get(id);
  if (film.cell("subject_id") !== patient) problems.push(`another subject_id in ${METADATA}`);
  if (splits && split === undefined) problems.push(`a dicom_id that ${SPLIT} lacks`);
  return {
    ...{ line, patient, problems, labels: said.labels },
    image: id && `files/p${patient.slice(0, 2)}/p${patient}/s${cell("study_id")}/${id}.jpg`,
    facts: factsOf({ view: film.cell("ViewPosition") }),
    split: split === "validate" ? "val" : split ?? cell("split"),
  };
}
