/** The rows of a hospital: its labels file, with the splits of NIH's lists where the file has no column for them. */

import { digest } from "../files/digest.ts";
import { obstacleTo } from "../files/obstacle.ts";
import { refusal } from "../refusal.ts";
import type { ShardSources } from "./manifest.ts";
import { applyNihSplits, type NihDownload, readNihSplits } from "./nih.ts";
import { type LabelRow, parseLabels } from "./table.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** Rows, and where they come from. */
export interface Rows {
  rows: LabelRow[];
  sources: ShardSources;
  /** Who says which films are of which split. */
  split: "column" | "nih" | "drawn";
}

/** @throws {Error} when the file cannot be read or used, or lacks a word that the vocabulary has for nothing found */
export async function readRows(
  labels: string,
  { download, vocabulary }: { download: NihDownload; vocabulary: Vocabulary },
): Promise<Rows> {
  const bytes = await readTable(labels);
  const rows = parseLabels(bytes, labels, vocabulary);
  vocabulary.checkUsed(rows, labels);
  const sources: ShardSources = { labels: digest(bytes), rows: rows.length };
  const column = rows.some((row) => row.split);
  if (!column && download.lists) {
    const splits = await readNihSplits(download.lists);
    applyNihSplits(rows, splits);
    sources.lists = splits.sha256;
  }
  return { rows, sources, split: column ? "column" : sources.lists ? "nih" : "drawn" };
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
