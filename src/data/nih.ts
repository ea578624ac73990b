/**
 * NIH ChestX-ray14 as its publisher hands it out (Wang et al., CVPR 2017): one labels file for all films, films in
 * twelve folders (or in one, where all archives were unpacked in the same place), and two lists that say which films
 * are the official test set.
 */

import { createHash } from "node:crypto";
import { obstacleTo } from "../files/obstacle.ts";
import { refusal } from "../refusal.ts";
import type { Split } from "./manifest.ts";
import type { LabelRow } from "./table.ts";
import { decodeText } from "./tables/csv_table.ts";

/** The names of the two lists; together they hold every film. */
const TRAIN_VAL = "train_val_list.txt", TEST = "test_list.txt";

/** What of the download lies in a folder. */
export interface NihDownload {
  /** Path of the labels file; of several the corrected one of 2020. */
  labels?: string;
  /** Folder of the lists. */
  lists?: string;
  /** Where films lie below the folder, in order: "images_001/images", …; empty = it is no such download. */
  folders: string[];
}

/** Splits by film name as the lists say (`null` = in both), and the SHA-256 of both files. */
export interface NihSplits {
  of: Map<string, Split | null>;
  sha256: string;
}

/** Looks for the download in folder `dir`. */
export async function findNih(dir: string): Promise<NihDownload> {
  let lists = false;
  const tables: string[] = [];
  const archives: string[] = [];
  for await (const { name, isFile } of Deno.readDir(dir)) {
    lists ||= name === TRAIN_VAL || name === TEST;
    if (!isFile && /^images(_\d{3})?$/.test(name)) archives.push(name);
    if (/^Data_Entry_2017.*\.csv$/i.test(name)) tables.push(name);
  }
  const table = tables.sort().at(-1);
  const found: NihDownload = { folders: [] };
  if (table !== undefined) found.labels = `${dir}/${table}`;
  if (lists) found.lists = dir;
  if (table === undefined && !lists) return found;
  for (const name of archives.sort()) {
    const inner = await Deno.stat(`${dir}/${name}/images`).catch(() => null);
    found.folders.push(inner?.isDirectory ? `${name}/images` : name);
  }
  return found;
}

/** Path below `dir` of every film of the download, by its name; a name in two folders is the first one's. */
export async function nihFilms(dir: string, folders: readonly string[]): Promise<Map<string, string>> {
  const films = new Map<string, string>();
  for (const folder of folders) {
    for await (const { name, isDirectory } of Deno.readDir(`${dir}/${folder}`)) {
      if (!isDirectory && !films.has(name)) films.set(name, `${folder}/${name}`);
    }
  }
  return films;
}

/** Reads the two lists in folder `dir`. @throws {Error} when one is missing or not UTF-8 */
export async function readNihSplits(dir: string): Promise<NihSplits> {
  const of = new Map<string, Split | null>();
  const hash = createHash("sha256");
  for (const [list, split] of [[TRAIN_VAL, "train"], [TEST, "test"]] as const) {
    const bytes = await Deno.readFile(`${dir}/${list}`).catch((cause) => {
      const none = {
        got: `no ${list}`,
        remedy: "add it, or take the other one away to draw the split by patient",
      };
      const found = obstacleTo(`${dir}/${list}`, cause) ?? none;
      const what = `Cannot use NIH's official split in ${dir}`;
      throw refusal(Error, { what, expected: `${TRAIN_VAL} and ${TEST}`, ...found }, { cause });
    });
    hash.update(createHash("sha256").update(bytes).digest());
    for (const line of decodeText(bytes, `${dir}/${list}`).split("\n")) {
      const name = line.trim();
      if (name) of.set(name, of.has(name) && of.get(name) !== split ? null : split);
    }
  }
  return { of, sha256: hash.digest("hex") };
}

/** Gives every row the split of the lists; a row in neither list cannot be used. */
export function applyNihSplits(rows: LabelRow[], splits: NihSplits): void {
  for (const row of rows) {
    const split = splits.of.get(row.image);
    if (split !== undefined) row.split = split;
    else {
      const neither = `an Image Index in neither ${TRAIN_VAL} nor ${TEST}`;
      row.bad = row.bad === undefined ? neither : `${row.bad}; ${neither}`;
    }
  }
}
