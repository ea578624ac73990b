/** The published tables, and those of an archive, each recognised by its columns alone, and never guessed between two. */

import { refusal } from "../../refusal.ts";
import type { TableForm } from "../table.ts";
import { CHEXPERT } from "./chexpert.ts";
import { type CsvTable, headerFound, readCsv, requireColumns } from "./csv_table.ts";
import { BY_INSTANCE, BY_STUDY } from "./dicom_keys.ts";
import { MIMIC } from "./mimic.ts";
import { type NamedColumns, ownTable } from "./named_columns.ts";
import { NIH } from "./nih.ts";
import { PADCHEST } from "./padchest.ts";
import { RSNA } from "./rsna.ts";
import { VINDR_BOXES, VINDR_LABELS } from "./vindr.ts";

/** In the order in which messages name them. */
const FORMS: readonly TableForm[] = [
  ...[NIH, CHEXPERT, MIMIC, PADCHEST, VINDR_LABELS, VINDR_BOXES, RSNA],
  ...[BY_INSTANCE, BY_STUDY],
];

/** A labels file that was read, and the form that it has. */
export interface Recognised {
  csv: CsvTable;
  form: TableForm;
}

/**
 * Reads a labels file's bytes and says which form it has.
 *
 * @param options.path for the texts of errors
 * @param options.columns those of a table that is none of the published ones
 * @throws {SyntaxError} when it is no table, has the form of none or of two, or lacks a column
 */
export function recognise(
  bytes: Uint8Array,
  options: { path: string; columns?: NamedColumns },
): Recognised {
  const { path, columns } = options;
  const own = columns && ownTable(columns);
  const isHeader = (names: readonly string[]) =>
    own ? names.includes(columns.image) : formsOf(names).length > 0;
  const csv = readCsv(bytes, { path, isHeader });
  const form = own ?? formOf(csv);
  requireColumns(csv, form.columns);
  return { csv, form };
}

function formsOf(header: readonly string[]): TableForm[] {
  return FORMS.filter(({ known, without = [] }) =>
    known.every((column) => header.includes(column)) && !without.some((column) => header.includes(column))
  );
}

function formOf({ header, path }: CsvTable): TableForm {
  const forms = formsOf(header);
  if (forms.length === 1) return forms[0];
  const several = forms.length > 1;
  const named = (several ? forms : FORMS).map(({ name, known }) => `${name} (${known.join(", ")})`);
  throw refusal(SyntaxError, {
    what: `Cannot read labels ${path}`,
    expected: several ? "the columns of one table" : `the columns of one of ${named.join(", ")}`,
    got: several ? `those of ${named.join(" and ")}` : `others; ${headerFound(header)}`,
    remedy: `${several ? "take those of one away" : "rename them"}, or say with --columns which to read`,
  });
}
