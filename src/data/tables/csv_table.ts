/** A CSV file of a hospital as rows with named cells (UTF-8, or its gzip; BOM, CRLF and quotes are fine). */

import { gunzipSync } from "node:zlib";
import { parse } from "csv-parse/sync";

/** The most bytes of a file once unpacked: twenty times the largest table read here. */
const UNPACKED_LIMIT = 1 << 30;

/** One row below the header. */
export interface CsvRow {
  /** Its last line in the file, from 1. */
  line: number;
  /** The cell of a column, without blanks around it; undefined where there is no such column. */
  cell(column: string): string | undefined;
}

/** A table that was read whole. */
export interface CsvTable {
  path: string;
  /** The names of its columns; one that is empty names none. */
  header: readonly string[];
  rows: readonly CsvRow[];
}

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

/**
 * Reads a table's bytes.
 *
 * @param options.path for the texts of errors
 * @param options.isHeader whether names are those of a table that is known: tells which delimiter was meant
 * @throws {SyntaxError} when it is no such table: the text names the encoding, delimiter, column or line at fault
 */
export function readCsv(
  bytes: Uint8Array,
  options: { path: string; isHeader: (names: readonly string[]) => boolean },
): CsvTable {
  const { path } = options;
  const text = decodeText(unpacked(bytes, path), path);
  checkDelimiter(text, options);
  const [first, ...rest] = parseCells(text, path);
  const header = first?.cells ?? [];
  const columns = columnsOf(header, path);
  const width = header.findLastIndex((name) => name !== "") + 1;
  for (const row of rest) checkWidth(row, width, path);
  const rows = rest.map(({ cells, line }) => ({
    line,
    cell: (column: string): string | undefined => cells[columns.get(column) ?? -1],
  }));
  return { path, header, rows };
}

/** @throws {SyntaxError} naming a column that is missing and the header found, or that there are no rows */
export function requireColumns({ path, header, rows }: CsvTable, columns: readonly string[]): void {
  const missing = columns.find((column) => !header.includes(column));
  if (missing !== undefined) {
    throw new SyntaxError(
      `Cannot read labels ${path}: expected a column "${missing}"; ${
        headerFound(header)
      }; rename or add the column`,
    );
  }
  if (rows.length === 0) {
    throw new SyntaxError(`Cannot read labels ${path}: expected rows, got a header only`);
  }
}

/** The header for a text of an error. */
export function headerFound(header: readonly string[]): string {
  return `the header found is: ${header.join(", ") || "(none)"}`;
}

function unpacked(bytes: Uint8Array, path: string): Uint8Array {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return gunzipSync(bytes, { maxOutputLength: UNPACKED_LIMIT });
  } catch (cause) {
    const { message } = cause as Error;
    throw new SyntaxError(`Cannot read labels ${path}: ${message}; unpack it and name the CSV`, { cause });
  }
}

/** A row's cells, and its last line in the file. */
interface Cells {
  cells: string[];
  line: number;
}

/** @throws {SyntaxError} when the header has something else than commas between its names */
function checkDelimiter(
  text: string,
  { path, isHeader }: { path: string; isHeader: (names: readonly string[]) => boolean },
): void {
  const first = text.slice(0, text.search(/[\r\n]|$/));
  const names = (delimiter: string) => first.split(delimiter).map((name) => name.replaceAll('"', "").trim());
  const has = (delimiter: string) => isHeader(names(delimiter));
  for (const [delimiter, got] of [[";", "semicolons"], ["\t", "tabs"]]) {
    if (!first.includes(delimiter) || has(",")) continue;
    if (first.includes(",") && !has(delimiter)) continue;
    throw new SyntaxError(
      `Cannot read labels ${path}: expected commas between columns, got ${got}; save it comma-separated`,
    );
  }
}

function parseCells(text: string, path: string): Cells[] {
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

/** Column positions by name. @throws {SyntaxError} naming a doubled column and the header found */
function columnsOf(header: readonly string[], path: string): Map<string, number> {
  const columns = new Map<string, number>();
  for (const [i, name] of header.entries()) {
    if (name && columns.has(name)) {
      throw new SyntaxError(
        `Cannot read labels ${path}: column "${name}" occurs twice; ${
          headerFound(header)
        }; rename or remove one of them`,
      );
    }
    columns.set(name, i);
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
