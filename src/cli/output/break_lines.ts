// Why: a terminal breaks a long line in the middle of a word, and a command that is broken by us cannot be copied.
import { wrap } from "../options/wrap.ts";

/** What stays whole however long it is: a line's indent, a command or a quoted text, and what leads to its next line. */
const WHOLE = /^ +|`[^`]*`|"[^"]*"| \\$/g;
/** Stands for a space that no line is broken at. */
const KEPT = "\0";

/**
 * Breaks lines longer than `width` columns between two words; the rest goes on under the line's own beginning, and in
 * a table under its last column. A word longer than a line, a path or a digest say, stays whole.
 */
export function breakLines(text: string, width: number): string {
  return text.split("\n").flatMap((line) => line.length <= width ? [line] : broken(line, width)).join("\n");
}

function broken(line: string, width: number): string[] {
  const words = line.replaceAll(WHOLE, (one) => one.replaceAll(" ", KEPT)).split(" ");
  return wrap(words, width, " ".repeat(indentOf(line, width)))
    .map((part) => part.trimEnd().replaceAll(KEPT, " "))
    .filter((part) => part !== "");
}

/** Where a line goes on: behind its last gap of two spaces, where that leaves half of the line, else where it began. */
function indentOf(line: string, width: number): number {
  const gaps = [...line.matchAll(/ {2,}(?=\S)/g)].map((gap) => gap.index + gap[0].length);
  return gaps.findLast((column) => column <= width / 2) ?? 0;
}
