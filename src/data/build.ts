/** A claimed target is filled: labels decide, films are staged, copies go, and what stays becomes the shard. */

import { ClassCounts } from "./class_counts.ts";
import { copiesAcrossSplits, type Film } from "./copies.ts";
import { KERNEL } from "./decode.ts";
import { stageFilms } from "./films.ts";
import { labelBits } from "./findings.ts";
import type { ImageFolder } from "./image_folder.ts";
import { type Job, jobsOf } from "./jobs.ts";
import type { ShardManifest, ShardSources } from "./manifest.ts";
import { DataError, type Quarantine } from "./quarantine.ts";
import { decoderVersion } from "./sharp.ts";
import { ShardWriter } from "./shard_writer.ts";
import { DEFAULT_SALT } from "./split.ts";
import { Staging } from "./staging.ts";
import type { LabelRow } from "./table.ts";
import type { Target } from "./target.ts";

/** What a shard is built of. */
export interface BuildOptions {
  /** Height and width of a film, pixels, 8 to 1024. */
  size: number;
  /** Salt of the split. @default DEFAULT_SALT */
  salt?: string;
  rows: readonly LabelRow[];
  sources: ShardSources;
  quarantine: Quarantine;
  folder: ImageFolder;
  /** Rows done, of all rows. */
  onProgress?: (done: number, total: number) => void;
  onEvent?: (event: BuildEvent) => void;
  signal?: AbortSignal;
}

/** What becomes of films of a run that was stopped. */
export type BuildEvent =
  /** So many of them are here. */
  | { type: "resumed"; films: number }
  /** They cannot be used: the fields named are other ones now. */
  | { type: "restarted"; because: string }
  /** This run ends, and those that are decoded stay in the folder `dir`. */
  | { type: "kept"; films: number; dir: string };

/**
 * Builds the shard in the target's folder, going on from what a run that was stopped left there.
 *
 * @throws {Error} when too many rows are unusable or a class is missing; the films staged by then stay
 */
export async function buildShard(target: Target, options: BuildOptions): Promise<ShardManifest> {
  const { rows, quarantine, salt, onEvent } = options;
  const jobs = jobsOf(rows, { salt, quarantine });
  const classes = new ClassCounts(jobs);
  using staging = await openStaging(target, options);
  try {
    const films = await stage(jobs, { ...options, staging, classes });
    const copies = copiesAcrossSplits(films);
    for (const [{ job }, error] of copies) {
      quarantine.add(job, error);
      classes.drop(job);
    }
    return await assemble(target.dir, films.filter((film) => !copies.has(film)), { ...options, staging });
  } catch (error) {
    if (staging.films === 0) target.discard();
    else onEvent?.({ type: "kept", films: staging.films, dir: target.folder });
    throw error;
  }
}

async function openStaging(target: Target, options: BuildOptions): Promise<Staging> {
  const { size, sources, folder, onEvent } = options;
  const decoder = await decoderVersion();
  const { staging, because } = await Staging.open(
    { pixels: `${target.dir}/images.u8`, journal: target.journal },
    { size, kernel: KERNEL, decoder, images: folder.path, labels: sources.labels! },
  );
  if (because) onEvent?.({ type: "restarted", because });
  else if (staging.films > 0) onEvent?.({ type: "resumed", films: staging.films });
  return staging;
}

/** Stages every job's film; those that cannot be used go into the quarantine. */
async function stage(
  jobs: readonly Job[],
  options: BuildOptions & { staging: Staging; classes: ClassCounts },
): Promise<Film[]> {
  const { rows, quarantine, classes, signal, onProgress } = options;
  const films: Film[] = [];
  let done = rows.length - jobs.length;
  for await (const { job, digest } of stageFilms(jobs, options)) {
    signal?.throwIfAborted();
    onProgress?.(++done, rows.length);
    if (digest instanceof DataError) {
      quarantine.add(job, digest);
      classes.drop(job);
    } else films.push({ job, digest });
  }
  return films;
}

/** The films move together in `images.u8`, in order, and get their columns and manifest. */
async function assemble(
  dir: string,
  films: readonly Film[],
  { size, sources, salt = DEFAULT_SALT, staging, signal }: BuildOptions & { staging: Staging },
): Promise<ShardManifest> {
  const unknownFindings = [...new Set(films.flatMap(({ job }) => labelBits(job.findings).unknown))];
  using writer = await ShardWriter.create(dir, { size, kernel: KERNEL, salt, unknownFindings, sources });
  for (const [n, { job }] of films.entries()) {
    // Nothing else here lets a signal in where every film lies in its place already.
    if (n % 256 === 0) await new Promise((done) => setTimeout(done));
    signal?.throwIfAborted();
    const { index: place, patient, image: name, assigned: split, findings } = job;
    const pixels = staging.read(place)!;
    await writer.append({ pixels, label: labelBits(findings).bits, patient, split, name }, { place });
  }
  return await writer.finish();
}
