/** A labels file's text as films, without files. */

import type { Films, Uncertain } from "../../src/data/table.ts";
import { type CsvTable, readCsv } from "../../src/data/tables/csv_table.ts";
import type { NamedColumns } from "../../src/data/tables/named_columns.ts";
import { recognise } from "../../src/data/tables/published.ts";
import { Vocabulary } from "../../src/data/vocabulary.ts";

/** How it is read. */
export interface ReadOptions {
  columns?: NamedColumns;
  /** The hospital's words for nothing found. */
  negative?: readonly string[];
  uncertain?: Uncertain;
  /** Texts of the files beside it, by their names. */
  beside?: Record<string, string>;
}

/** The films of `text` as the program reads them from `labels.csv`. */
export function readTable(text: string | Uint8Array, options: ReadOptions = {}): Films {
  const { csv, form } = recognise(bytesOf(text), { path: "labels.csv", columns: options.columns });
  const vocabulary = new Vocabulary(options.negative, { table: form.negative });
  const beside = Object.entries(options.beside ?? {}).map(([path, other]): [string, CsvTable] => [
    path,
    readCsv(bytesOf(other), { path, isHeader: () => true }),
  ]);
  const { uncertain = "leave-out" } = options;
  return form.read(csv, { vocabulary, uncertain, beside: new Map(beside) });
}

function bytesOf(text: string | Uint8Array): Uint8Array {
  return typeof text === "string" ? new TextEncoder().encode(text) : text;
}
