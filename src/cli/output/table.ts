// Why: a table is read on a terminal of 80 columns, in a log and in a mail alike, so its width is the same everywhere.
import Table from "cli-table3";
import { wrap } from "../options/wrap.ts";

/** The columns that a table may fill; what is wider is broken, whatever the terminal. */
export const TABLE_WIDTH = 80;
/** A space on either side of a cell and one between two cells. */
const SPACES = 3;
/** A longer word, a path say, is cut before other columns are narrowed for it. */
const CUT = 24;

/**
 * Rows under a head, as plain text of at most 80 columns. Columns whose cells are numbers are set right, and their
 * cells stay whole; heads and texts break at words, and a word that is too long by itself, a path say, is cut.
 */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const columns = head.map((name, at) => columnOf(name, rows.map((row) => row[at] ?? "")));
  const widths = fittingWidths(columns);
  const set = (row: readonly string[]) => widths.map((width, at) => broken(row[at] ?? "", width).join("\n"));
  const made = new Table({
    head: set(head),
    colAligns: columns.map(({ numbers }) => numbers ? "right" : "left"),
    style: { head: [], border: [], compact: true },
    chars: BORDERS,
  });
  made.push(...rows.map(set));
  return made.toString().split("\n").map((line) => line.trimEnd()).join("\n");
}

/** How wide a column is, in steps from what it would take to the least that it can do with. */
interface Column {
  numbers: boolean;
  /** With every cell on one line · with a head of numbers broken at words · with texts broken so · with words cut. */
  steps: readonly [natural: number, head: number, words: number, cut: number];
}

function columnOf(head: string, cells: readonly string[]): Column {
  const numbers = cells.every((cell) => /^[\d.,–±[\] %+-]*$/.test(cell));
  const natural = longest([head, ...cells]);
  if (numbers) {
    const least = longest([...head.split(" "), ...cells]);
    return { numbers, steps: [natural, least, least, least] };
  }
  const words = longest([head, ...cells].flatMap((cell) => cell.split(" ")));
  return { numbers, steps: [natural, natural, Math.min(words, CUT), 1] };
}

/** Takes what does not fit from the widest column that can do with less, as gently as possible. */
function fittingWidths(columns: readonly Column[]): number[] {
  const widths = columns.map(({ steps: [natural] }) => natural);
  const excess = () => widths.reduce((sum, width) => sum + width + SPACES, -1) - TABLE_WIDTH;
  for (const step of [1, 2, 3]) {
    while (excess() > 0) {
      const able = widths.map((width, at) => width > columns[at].steps[step] ? width : 0);
      const widest = Math.max(...able);
      if (widest === 0) break;
      widths[able.indexOf(widest)]--;
    }
  }
  return widths;
}

/** A cell's lines; a word that is too long is cut behind a slash, else anywhere. */
function broken(cell: string, width: number): string[] {
  if (cell.length <= width) return [cell];
  const part = new RegExp(`.{1,${width}}$|.{0,${width - 1}}/|.{1,${width}}`, "gu");
  return wrap(cell.split(" ").flatMap((word) => word.match(part) ?? []), width);
}

const longest = (texts: readonly string[]) => Math.max(0, ...texts.map((text) => text.length));

const BORDERS = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: " ",
};

/** A score with three digits, or a dash. */
export function score(value: number | null | undefined): string {
  return value === null || value === undefined || Number.isNaN(value) ? "–" : value.toFixed(3);
}

/** A difference of scores with its sign, or a dash. */
export function signed(value: number | null | undefined): string {
  const text = score(value);
  return value !== null && value !== undefined && value > 0 ? `+${text}` : text;
}

/** A 95 % interval as `[.912, .954]`, or a dash. */
export function interval(value: readonly [number, number] | null | undefined): string {
  return value ? `[${score(value[0])}, ${score(value[1])}]` : "–";
}
