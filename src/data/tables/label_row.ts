/** One film of any table, with all that keeps it from use, so that one correction is enough. */

import { SPLITS } from "../manifest.ts";
import type { LabelRow } from "../table.ts";
import type { Vocabulary } from "../vocabulary.ts";

/** What a table says of a film. */
export interface FilmParts extends Pick<LabelRow, "line" | "image" | "patient" | "labels" | "facts"> {
  /** As the table writes it; undefined = it has none. */
  split?: string;
  /** What is wrong with its labels. */
  problems?: readonly string[];
}

/** How a table calls what every film must have. */
export interface ColumnNames {
  image: string;
  labels: string;
  patient: string;
}

/** The film's row; where it cannot be used `bad` says all that is wrong with it. */
export function labelRow(
  { split, problems = [], ...parts }: FilmParts,
  { names, vocabulary }: { names: ColumnNames; vocabulary: Vocabulary },
): LabelRow {
  const lower = split?.toLowerCase();
  const row: LabelRow = {
    ...parts,
    findings: parts.labels.filter((name) => vocabulary.read(name) !== "no finding"),
    split: SPLITS.find((name) => name === lower),
  };
  const bad: string[] = [];
  if (!row.image || !row.patient) bad.push(`no ${names.image} or no ${names.patient}`);
  if (/[\n\r\0]/.test(row.image)) bad.push(`a line break in ${names.image}`);
  bad.push(...problems);
  if (row.labels.some((name) => /\p{Cc}/u.test(name))) bad.push(`a control character in ${names.labels}`);
  else if (row.findings.length > 0 && row.findings.length < row.labels.length) {
    bad.push(`"${row.labels.find((name) => !row.findings.includes(name))}" beside a finding`);
  }
  if (lower !== undefined && !row.split) bad.push(`split ${shown(lower)}, not one of ${SPLITS.join(", ")}`);
  if (bad.length > 0) row.bad = bad.join("; ");
  return row;
}

/** A cell in a text about it: short, and nothing in it moves a terminal's cursor. */
export function shown(cell: string): string {
  return `"${cell.slice(0, 40).replaceAll(/\p{Cc}/gu, "?")}"`;
}
