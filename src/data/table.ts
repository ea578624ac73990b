/** Reads a labels file with NIH ChestX-ray14's column names (CSV, UTF-8; BOM, CRLF and quotes are fine). */

import { parse } from "csv-parse/sync";
import type { FilmFacts } from "./film_facts.ts";
import { type Split, SPLITS } from "./manifest.ts";
import { Vocabulary } from "./vocabulary.ts";

/** One row: a film and what is known of it. */
export interface LabelRow {
  /** Line of the labels file, from 1; the last one of a row that spans several. */
  line: number;
  /** Path below the image folder. */
  image: string;
  /** Label names as written, those of nothing found included. */
  labels: string[];
  /** Those of them that count as a finding; empty = nothing found. */
  findings: string[];
  patient: string;
  /** What the file tells of the film beside its findings. */
  facts?: FilmFacts;
  /** As the column `split` or NIH's lists say; `null` = they name two. */
  split?: Split | null;
  /** What is wrong with the row, if anything: it cannot be used. Names no patient and no file. */
  bad?: string;
}

const REQUIRED = ["Image Index", "Finding Labels", "Patient ID"] as const;

/** A text file of the hospital. @throws {SyntaxError} when it is not UTF-8 */
export function decodeText(bytes: Uint8Array, path: string): string {
  const head = bytes.subarray(0, 64);
  if ((head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff) || head.includes(0)) {
    throw new SyntaxError(
      `Cannot read ${path}: expected UTF-8, got UTF-16; save the file as CSV UTF-8`,
    );
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new SyntaxError(`Cannot read ${path}: expected UTF-8; save the file as CSV UTF-8`, {
      cause,
    });
  }
}

/** A row's cells, and its last line in the file. */
interface Cells {
  cells: string[];
  line: number;
}

/** @throws {SyntaxError} when the header has something else than commas between its names */
function checkDelimiter(text: string, path: string): void {
  const first = text.slice(0, text.search(/[\r\n]|$/));
  const names = (delimiter: string) => first.split(delimiter).map((name) => name.replaceAll('"', "").trim());
  const has = (delimiter: string) => names(delimiter).includes(REQUIRED[0]);
  for (const [delimiter, got] of [[";", "semicolons"], ["\t", "tabs"]]) {
    if (!first.includes(delimiter) || has(",")) continue;
    if (first.includes(",") && !has(delimiter)) continue;
    throw new SyntaxError(
      `Cannot read labels ${path}: expected commas between columns, got ${got}; save it comma-separated`,
    );
  }
}

function parseCsv(text: string, path: string): Cells[] {
  const rows: Cells[] = [];
  const keep = (cells: string[], { lines }: { lines: number }) => {
    rows.push({ cells, line: lines });
    return null;
  };
  try {
    parse(text, {
      bom: true,
      skip_empty_lines: true,
      trim: true,
      relax_column_count: true,
      on_record: keep,
    });
  } catch (cause) {
    const { message } = cause as Error;
    throw new SyntaxError(`Cannot read labels ${path}: ${message}; mend that line`, { cause });
  }
  return rows;
}

/** Column positions by name. @throws {SyntaxError} naming a missing or doubled column and the header found */
function columnsOf(header: readonly string[], path: string): Map<string, number> {
  const columns = new Map<string, number>();
  const found = `the header found is: ${header.join(", ") || "(none)"}`;
  for (const [i, name] of header.entries()) {
    if (name && columns.has(name)) {
      throw new SyntaxError(
        `Cannot read labels ${path}: column "${name}" occurs twice; ${found}; rename or remove one of them`,
      );
    }
    columns.set(name, i);
  }
  for (const name of REQUIRED) {
    if (columns.has(name)) continue;
    throw new SyntaxError(
      `Cannot read labels ${path}: expected a column "${name}"; ${found}; rename or add the column`,
    );
  }
  return columns;
}

/**
 * @throws {SyntaxError} unless the row has a cell for every named column, and nothing beyond them: NIH's file was
 * published with and without an empty column at the end
 */
function checkWidth({ cells, line }: Cells, width: number, path: string): void {
  if (cells.length >= width && cells.slice(width).every((cell) => cell === "")) return;
  throw new SyntaxError(
    `Cannot read labels ${path}: expected ${width} columns in line ${line}, got ${cells.length}; mend that line`,
  );
}

/** All that keeps a row from use, so that one correction is enough; undefined = nothing. */
function problemsOf(row: LabelRow, label: string, split: string | undefined): string | undefined {
  const found: string[] = [];
  if (!row.image || !row.patient) found.push("no Image Index or no Patient ID");
  if (/[\n\r\0]/.test(row.image)) found.push("a line break in Image Index");
  if (label.split("|").some((name) => name.trim() === "")) found.push("an empty finding label");
  if (/\p{Cc}/u.test(label)) found.push("a control character in Finding Labels");
  else if (row.findings.length > 0 && row.findings.length < row.labels.length) {
    found.push(`"${row.labels.find((name) => !row.findings.includes(name))}" beside a finding`);
  }
  if (split !== undefined && !row.split) found.push(`split "${split}", not one of ${SPLITS.join(", ")}`);
  return found.join("; ") || undefined;
}

function toRow(
  { cells, line }: Cells,
  { columns, vocabulary }: { columns: Map<string, number>; vocabulary: Vocabulary },
): LabelRow {
  const cell = (name: string): string | undefined => cells[columns.get(name) ?? -1];
  const label = cell("Finding Labels")!;
  const split = cell("split")?.toLowerCase();
  const labels = label.split("|").map((name) => name.trim()).filter((name) => name !== "");
  const row: LabelRow = {
    line,
    image: cell("Image Index")!,
    labels,
    findings: labels.filter((name) => vocabulary.read(name) !== "no finding"),
    patient: cell("Patient ID")!,
    split: SPLITS.find((name) => name === split),
  };
  row.bad = problemsOf(row, label, split);
  return row;
}

/**
 * Reads a labels file's bytes: one entry a data row, in file order; a row that cannot be used carries `bad`.
 *
 * @param path for the texts of errors
 * @param vocabulary how label names are read @default NIH's alone
 * @throws {SyntaxError} when it is not such a file: the text names the missing column and the header found, or the
 * encoding, delimiter or line at fault
 */
export function parseLabels(
  bytes: Uint8Array,
  path: string,
  vocabulary: Vocabulary = new Vocabulary(),
): LabelRow[] {
  const text = decodeText(bytes, path);
  checkDelimiter(text, path);
  const [header, ...rows] = parseCsv(text, path);
  const columns = columnsOf(header?.cells ?? [], path);
  if (rows.length === 0) {
    throw new SyntaxError(`Cannot read labels ${path}: expected rows, got a header only`);
  }
  const width = header.cells.findLastIndex((name) => name !== "") + 1;
  for (const row of rows) checkWidth(row, width, path);
  return rows.map((row) => toRow(row, { columns, vocabulary }));
}
