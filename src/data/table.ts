/** What a labels file says: one entry a film, whatever its columns are called, and what a form of labels file is. */

import type { FilmFacts } from "./film_facts.ts";
import type { Split } from "./manifest.ts";
import type { CsvTable } from "./tables/csv_table.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** One row: a film and what is known of it. */
export interface LabelRow {
  /** Line of the labels file, from 1; the last one of a row that spans several, the first of several rows of a film. */
  line: number;
  /** Path below the image folder, as the table says it. */
  image: string;
  /** Label names as written, those of nothing found included. */
  labels: string[];
  /** Those of them that count as a finding; empty = nothing found. */
  findings: string[];
  patient: string;
  /** What the file tells of the film beside its findings. */
  facts?: FilmFacts;
  /** As the column `split`, the table's own split or NIH's lists say; `null` = they name two. */
  split?: Split | null;
  /** What the film's DICOM file says of itself, where the table names films so; `image` is that word until it is found. */
  dicom?: { instance?: string; accession?: string; patient?: string };
  /** What is wrong with the row, if anything: it cannot be used. Names no patient and no file. */
  bad?: string;
}

/** Why a film is left out by rule, without fault of its row: it enters no quarantine and no share of it. */
export const LEFT_OUT = [
  /** A lateral view; the quarantine has the same name for films whose file tells it. */
  "lateral_view",
  /** Neither lateral nor told to be frontal (PA or AP). */
  "other_view",
  /** Its publisher says that it is no use. */
  "excluded",
  /** A finding is uncertain (-1), and nobody said how to read it. */
  "uncertain",
  /** The row tells nothing of findings. */
  "unlabelled",
  /** No label has more than half of its readers. */
  "no_majority",
] as const;

/** Films left out, by rule; every rule is present. */
export type LeftOut = Record<typeof LEFT_OUT[number], number>;

/** What a table gives. */
export interface Films {
  /** The films that may become films of a shard, in the file's order; one that cannot be used carries `bad`. */
  rows: LabelRow[];
  leftOut: LeftOut;
  /** Where splits come from that no column `split` gives. */
  split?: "mimic" | "path";
}

/** How -1, "uncertain", is read: as 0, as 1, or the film is left out. */
export type Uncertain = typeof UNCERTAIN[number];
export const UNCERTAIN = ["zero", "one", "leave-out"] as const;

/** How image names of a table lead to files below the image folder. */
export interface ImageNames {
  /** The first folder of a name may be the image folder itself. @default false */
  outerFolder?: boolean;
  /** A name may lack its ending, as ids of DICOM files do. @default false */
  anyEnding?: boolean;
  /** Rows name films by what their DICOM files say of themselves. @default false */
  dicom?: boolean;
}

/** What a form is read with. */
export interface Reading {
  vocabulary: Vocabulary;
  uncertain: Uncertain;
  /** The files beside the table that belong to it, by their names. */
  beside: ReadonlyMap<string, CsvTable>;
}

/** A form of labels file: which columns it has, and how they are read. Pure: files are read elsewhere. */
export interface TableForm {
  /** What the output calls it. */
  name: string;
  /** The columns by which it is recognised. */
  known: readonly string[];
  /** Columns by which it is another form. @default none */
  without?: readonly string[];
  /** The columns without which it cannot be read, those included. */
  columns: readonly string[];
  /** Its own words for nothing found, beside "No Finding". @default none */
  negative?: readonly string[];
  /** Whether it has -1, "uncertain". @default false */
  uncertain?: boolean;
  /** Files that belong to it, in the same folder. @default none */
  beside?: readonly { name: string; columns: readonly string[]; why?: string }[];
  images?: ImageNames;
  read(csv: CsvTable, reading: Reading): Films;
}

/** Counts of films left out, all 0. */
export function noneLeftOut(): LeftOut {
  return Object.fromEntries(LEFT_OUT.map((rule) => [rule, 0])) as LeftOut;
}
