// Why: a label that is read otherwise than it was meant changes what a model learns; so every name is shown with its reading.
import type { LabelCount } from "../../data/vocabulary.ts";
import { table } from "./table.ts";

const READ = { "no finding": "no finding", finding: "finding", other: "other: as a finding" } as const;

/** Every label name with its films and its reading; how else it is written, where it is. */
export function labelTable(labels: readonly LabelCount[]): string {
  const various = labels.some(({ spellings }) => spellings.length > 0);
  const rows = labels.map(({ name, films, reading, spellings }) => [
    name,
    String(films),
    READ[reading],
    ...various ? [spellings.join(", ")] : [],
  ]);
  return table(["label", "films", "read as", ...various ? ["also written"] : []], rows);
}

/** Names in a warning, and letters of each; the table has them all. */
const NAMES = 6, LETTERS = 40;

/** The warning of names that are not NIH's; null where there are none. */
export function outsiders(labels: readonly LabelCount[]): string | null {
  const others = labels.filter(({ reading }) => reading === "other");
  if (others.length === 0) return null;
  const names = others.slice(0, NAMES).map(({ name, films }) => `${short(name)} (${films})`);
  if (others.length > NAMES) names.push(`${others.length - NAMES} more`);
  return `not NIH's label names, so read as findings: ${names.join(", ")}; ` +
    "where one means nothing found, name it with --negative";
}

function short(name: string): string {
  const letters = [...name];
  return letters.length > LETTERS ? `${letters.slice(0, LETTERS - 1).join("")}…` : name;
}
