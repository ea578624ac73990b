/** The rows of a hospital: its labels file in the form that it has, with the splits of NIH's lists where it has none. */

import { dirname, join } from "node:path";
import { digest } from "../files/digest.ts";
import { obstacleTo } from "../files/obstacle.ts";
import { refusal } from "../refusal.ts";
import type { ShardSources } from "./manifest.ts";
import { applyNihSplits, type NihDownload, readNihSplits } from "./nih.ts";
import type { Films, ImageNames, LabelRow, TableForm, Uncertain } from "./table.ts";
import { type CsvTable, readCsv, requireColumns } from "./tables/csv_table.ts";
import type { NamedColumns } from "./tables/named_columns.ts";
import { recognise } from "./tables/published.ts";
import { Vocabulary } from "./vocabulary.ts";

/** How a labels file is read. */
export interface TableOptions {
  /** The hospital's own words for nothing found, beside "No Finding". @default none */
  negative?: readonly string[];
  /** The columns of a table that is none of the published ones. @default it is recognised */
  columns?: NamedColumns;
  /** How -1 is read where a table has it. @default "leave-out" */
  uncertain?: Uncertain;
}

/** What was taken from a labels file. */
export interface TableSource extends Pick<Films, "leftOut"> {
  /** Its form, e.g. "CheXpert". */
  table: string;
  /** Rows of the file. */
  rows: number;
  /** Films that they tell of, those left out by rule not counted. */
  films: number;
}

/** Rows, and where they come from. */
export interface Rows {
  rows: LabelRow[];
  vocabulary: Vocabulary;
  source: TableSource;
  sources: ShardSources;
  /** How the rows' image names are to be found. */
  images?: ImageNames;
  /** Who says which films are of which split. */
  split: "column" | "nih" | "drawn" | NonNullable<Films["split"]>;
}

/** @throws {Error} when a file cannot be read or used, or it lacks a word of `negative` */
export async function readRows(
  labels: string,
  { download, ...options }: TableOptions & { download: NihDownload },
): Promise<Rows> {
  const bytes = await readTable(labels);
  const { csv, form } = recognise(bytes, { path: labels, columns: options.columns });
  checkUncertain(form, labels, options.uncertain);
  const vocabulary = new Vocabulary(options.negative, { table: form.negative });
  const beside = await readBeside(form, labels);
  const { rows, leftOut, split } = form.read(csv, {
    vocabulary,
    uncertain: options.uncertain ?? "leave-out",
    beside: beside.tables,
  });
  if (rows.length === 0) throw noFilms(labels, leftOut);
  vocabulary.checkUsed(rows, labels);
  const source: TableSource = { table: form.name, rows: csv.rows.length, films: rows.length, leftOut };
  const sources: ShardSources = { labels: digest(bytes), table: form.name, rows: source.rows, leftOut };
  if (beside.tables.size > 0) sources.beside = beside.digests;
  const named = split ?? (rows.some((row) => row.split) ? "column" : undefined);
  if (named === undefined && download.lists) {
    const splits = await readNihSplits(download.lists);
    applyNihSplits(rows, splits);
    sources.lists = splits.sha256;
  }
  const by = named ?? (sources.lists ? "nih" : "drawn");
  return { rows, vocabulary, source, sources, images: form.images, split: by };
}

async function readTable(path: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (cause) {
    throw refusal(Error, {
      what: `Cannot read labels ${path}`,
      expected: "a CSV file",
      ...obstacleTo(path, cause) ?? { got: "nothing", remedy: "name one with --labels" },
    }, { cause });
  }
}

/** @throws {RangeError} when it is said how to read what the table does not have */
function checkUncertain(form: TableForm, labels: string, uncertain: Uncertain | undefined): void {
  if (uncertain === undefined || form.uncertain) return;
  throw refusal(RangeError, {
    what: `Cannot read labels ${labels}`,
    expected: "a table with -1, as CheXpert and MIMIC-CXR-JPG, for --uncertain",
    got: `one read as ${form.name}`,
    remedy: "leave --uncertain out",
  });
}

/** The refusal of a table whose rules leave no film. */
function noFilms(labels: string, leftOut: Films["leftOut"]): Error {
  const rules = Object.entries(leftOut).filter(([, count]) => count > 0);
  return refusal(Error, {
    what: `Cannot read labels ${labels}`,
    expected: "films that may be taken",
    got: `none: left out by rule are ${rules.map(([rule, count]) => `${count} ${rule}`).join(", ")}`,
    remedy: `${leftOut.uncertain > 0 ? "say with --uncertain how -1 is read, or " : ""}name other labels`,
  });
}

/** The files beside a table that belong to it, and their SHA-256, by their names; those that need not be there may not. */
async function readBeside(
  form: TableForm,
  labels: string,
): Promise<{ tables: Map<string, CsvTable>; digests: Record<string, string> }> {
  const tables = new Map<string, CsvTable>(), digests: Record<string, string> = {};
  for (const { name, columns, why } of form.beside ?? []) {
    const path = join(dirname(labels), name);
    const bytes = await readIfThere(path) ?? await readIfThere(`${path}.gz`);
    if (bytes !== null) {
      const csv = readCsv(bytes, { path, isHeader: (names) => names.includes(columns[0]) });
      requireColumns(csv, columns);
      tables.set(name, csv);
      digests[name] = digest(bytes);
    } else if (why !== undefined) {
      throw refusal(Error, {
        what: `Cannot read labels ${labels}`,
        expected: `${name} in the same folder, because ${why}`,
        got: "none",
        remedy: "put it there, or name the labels where it lies",
      });
    }
  }
  return { tables, digests };
}

async function readIfThere(path: string): Promise<Uint8Array | null> {
  return await Deno.stat(path).then(() => readTable(path), (error) => {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  });
}
