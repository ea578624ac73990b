/** A table of one row a film whose columns are known by name: NIH ChestX-ray14's, or any other by `--columns`. */

import { refusal } from "../../refusal.ts";
import { type Films, type LabelRow, noneLeftOut, type Reading, type TableForm } from "../table.ts";
import type { CsvTable } from "./csv_table.ts";
import { factsOf, viewOf } from "./facts.ts";
import { type ColumnNames, labelRow } from "./label_row.ts";

/** Which column says what. */
export interface NamedColumns extends ColumnNames {
  split?: string;
  age?: string;
  sex?: string;
  view?: string;
}

const REQUIRED = ["image", "labels", "patient"] as const;
const KEYS: readonly string[] = [...REQUIRED, "split", "age", "sex", "view"];

/**
 * The columns that items such as `image=File name` name.
 *
 * @throws {RangeError} when one names no column, is unknown or comes twice, or a required one is missing
 */
export function parseColumns(items: readonly string[]): NamedColumns {
  const columns = new Map<string, string>();
  for (const item of items) {
    const [key, ...rest] = item.split("="), name = key.trim(), column = rest.join("=").trim();
    if (column === "") throw refused(`no column in ${item}`);
    if (!KEYS.includes(name)) throw refused(`another key in ${item}`);
    if (columns.has(name)) throw refused(`${name} twice`);
    columns.set(name, column);
  }
  const missing = REQUIRED.find((key) => !columns.has(key));
  if (missing !== undefined) throw refused(`none for ${missing}`);
  return Object.fromEntries(columns) as unknown as NamedColumns;
}

function refused(got: string): RangeError {
  return refusal(RangeError, {
    what: "Cannot read --columns",
    expected: "image=NAME,labels=NAME,patient=NAME[,split=…,age=…,sex=…,view=…], each once",
    got,
    remedy: "name the table's columns so; a comma within a name is written \\,, in quotes",
  });
}

/** The form of a table of the hospital's own. */
export function ownTable(columns: NamedColumns): TableForm {
  return {
    name: "a table by --columns",
    known: [],
    columns: Object.values(columns),
    images: { anyEnding: true },
    read: (csv, reading) => readNamed(csv, columns, reading),
  };
}

/** Reads such a table: label names with `|` between; laterals are left out. */
export function readNamed(csv: CsvTable, columns: NamedColumns, { vocabulary }: Reading): Films {
  const leftOut = noneLeftOut(), rows: LabelRow[] = [];
  for (const { line, cell } of csv.rows) {
    const of = (key: keyof NamedColumns) => columns[key] === undefined ? undefined : cell(columns[key]);
    if (viewOf(of("view") ?? "") === "lateral") {
      leftOut.lateral_view++;
      continue;
    }
    const names = (of("labels") ?? "").split("|").map((name) => name.trim());
    rows.push(labelRow({
      line,
      image: of("image") ?? "",
      patient: of("patient") ?? "",
      labels: names.filter((name) => name !== ""),
      facts: factsOf({ age: of("age"), sex: of("sex"), view: of("view") }),
      split: of("split"),
      problems: names.includes("") ? ["an empty finding label"] : [],
    }, { names: columns, vocabulary }));
  }
  return { rows, leftOut };
}
