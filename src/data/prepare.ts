/**
 * Image files and a labels file become a shard.
 *
 * Why all that can be refused is refused early, and why a run that was stopped goes on: a hospital's films take hours
 * to decode.
 */

import { named } from "../files/durable.ts";
import { rowsOfFiles } from "./dicom/rows.ts";
import { defaultSite } from "../files/site_folder.ts";
import { type BuildEvent, type BuildOptions, buildShard, type Built } from "./build.ts";
import { checkFolder, ImageFolder } from "./image_folder.ts";
import { FILM_SIZE, isFilmSize, type Split, type SplitCount, SPLITS } from "./manifest.ts";
import { findNih } from "./nih.ts";
import { MAX_QUARANTINE, Quarantine, type QuarantineReason } from "./quarantine.ts";
import { PatientIds } from "./patient_ids.ts";
import { readRows, type Rows, type TableOptions, type TableSource } from "./rows.ts";
import type { LabelRow } from "./table.ts";
import { Target } from "./target.ts";
import type { LabelCount } from "./vocabulary.ts";

/** What `prepareShard` works on. */
export interface PrepareOptions
  extends
    TableOptions,
    Pick<BuildOptions, "size" | "jpeg2000" | "salt" | "evaluation" | "onProgress" | "signal"> {
  /** Folder of the images, or of the NIH download. */
  images: string;
  /** Path of the labels file. */
  labels: string;
  /** The folder to make. */
  out: string;
  /** The site folder, whose secret patients' ids are hashed with. @default defaultSite() */
  site?: string;
  /** The largest share of rows that may be left out. @default MAX_QUARANTINE */
  maxQuarantine?: number;
  /** Replace an existing shard or an empty folder, once the new shard is whole. @default false */
  force?: boolean;
  onEvent?: (event: PrepareEvent) => void;
}

/** What happens beside the progress. */
export type PrepareEvent =
  /** Where labels and splits come from, and what the labels file tells. */
  | { type: "sources"; labels: string; split: Rows["split"]; source: TableSource }
  /** The site folder had no secret, so this file was made. */
  | { type: "secret"; path: string }
  /** So many files and folders of the images cannot be read: no row finds a film there. */
  | { type: "unreadable"; files: number; folders: number }
  | BuildEvent;

/** What came of it. */
export interface PrepareResult {
  images: number;
  patients: number;
  positives: number;
  splits: Record<Split, SplitCount>;
  /** Every label name of its films, and how it was read. */
  labels: LabelCount[];
  source: TableSource;
  /** How its DICOM files were read; null = there is none. */
  dicom: Built["dicom"];
  /** It is for evaluation only. */
  evaluation: boolean;
  /** Rows left out, by reason; every reason is present. */
  quarantined: Record<QuarantineReason, number>;
  /** The file that lists them, beside the shard; null = none was left out. */
  quarantine: string | null;
  digest: string;
}

/**
 * Makes the shard `options.out`. What a run that was stopped had decoded is used again.
 *
 * @throws {Error} when a source is missing, the labels file is unusable or lacks a name of `negative`, more than `maxQuarantine` of the rows are,
 * `train` or `val` lacks a class (unless for evaluation only), the site folder cannot be used, or `out` may not be written; of the films nothing is left then but those decoded,
 * in `OUT.partial`, and the list of those left out, in `OUT.quarantine.csv`
 */
export async function prepareShard(options: PrepareOptions): Promise<PrepareResult> {
  checkOptions(options);
  await checkFolder(options.images);
  const download = await findNih(options.images);
  const table = await readRows(options.labels, { ...options, download });
  const { sources, source, vocabulary } = table;
  options.onEvent?.({ type: "sources", labels: options.labels, split: table.split, source });
  await using target = await Target.claim(options.out, {
    force: options.force ?? false,
    sources: { "--images": options.images, "--labels": options.labels },
  });
  const ids = await PatientIds.open(options.site ?? defaultSite());
  if (ids.made !== undefined) options.onEvent?.({ type: "secret", path: ids.made });
  const rows = table.images?.dicom ? await namedRows(table.rows, options) : table.rows;
  const folder = await ImageFolder.open(options.images, download, table.images);
  const limit = options.maxQuarantine ?? MAX_QUARANTINE;
  const quarantine = new Quarantine({ rows: rows.length, limit, file: target.quarantine });
  sources.quarantined = quarantine.counts;
  const list = () => target.list(quarantine.size > 0 ? quarantine.toCsv() : null);
  try {
    const built = await buildShard(target, {
      ...options,
      rows,
      vocabulary,
      sources,
      quarantine,
      folder,
      ids,
    });
    await target.place();
    await list();
    return summary(built, {
      source,
      quarantined: quarantine.counts,
      quarantine: quarantine.size > 0 ? target.quarantine : null,
    });
  } catch (error) {
    // The list of a shard that stays gives way only to the one that the error names.
    if (quarantine.exceeded || !await target.replaces()) await list();
    throw named(error, target.folder);
  }
}

/** The rows of a table that names films by what their files say. */
async function namedRows(
  rows: readonly LabelRow[],
  { images, onEvent, signal }: PrepareOptions,
): Promise<LabelRow[]> {
  const unreadable = { file: 0, folder: 0 };
  const named = await rowsOfFiles(rows, images, { onUnreadable: (what) => unreadable[what]++, signal });
  const { file: files, folder: folders } = unreadable;
  if (files + folders > 0) onEvent?.({ type: "unreadable", files, folders });
  return named;
}

function checkOptions({ size, maxQuarantine = MAX_QUARANTINE }: PrepareOptions): void {
  if (!isFilmSize(size)) {
    const { least, most } = FILM_SIZE;
    throw new RangeError(`Cannot make a shard: expected a size from ${least} to ${most} px, got ${size}`);
  }
  if (!(maxQuarantine >= 0 && maxQuarantine <= 1)) {
    throw new RangeError(
      `Cannot make a shard: expected a largest quarantined share from 0 to 1, got ${maxQuarantine}`,
    );
  }
}

function summary(
  { manifest, labels, dicom }: Built,
  left: Pick<PrepareResult, "source" | "quarantined" | "quarantine">,
): PrepareResult {
  const sum = (key: keyof SplitCount) =>
    SPLITS.reduce((total, split) => total + manifest.counts[split][key], 0);
  return {
    images: manifest.count,
    patients: sum("patients"),
    positives: sum("positives"),
    splits: manifest.counts,
    labels,
    dicom,
    evaluation: manifest.evaluation ?? false,
    ...left,
    digest: manifest.digest,
  };
}
