/** A claimed target is filled: labels decide, films are staged, copies go, and what stays becomes the shard. */

import { digest } from "../files/digest.ts";
import { type Jpeg2000, kernelOf } from "../kernel.ts";
import { checkClasses, checkFilms } from "./classes.ts";
import { copiesAcrossSplits, type Film } from "./copies.ts";
import { countDicom, type DicomCount } from "./dicom_count.ts";
import { DICOM_DECODERS } from "./dicom/versions.ts";
import { FilmReader } from "./film_reader.ts";
import { stageFilms } from "./films.ts";
import { labelBits, nihName } from "./findings.ts";
import type { ImageFolder } from "./image_folder.ts";
import { type Job, jobsOf } from "./jobs.ts";
import type { ShardManifest, ShardSources } from "./manifest.ts";
import type { PatientHasher } from "./patient_ids.ts";
import { DataError, type Quarantine } from "./quarantine.ts";
import { decoderVersion } from "./sharp.ts";
import { ShardWriter } from "./shard_writer.ts";
import { DEFAULT_SALT } from "./split.ts";
import { Staging } from "./staging.ts";
import type { LabelRow } from "./table.ts";
import type { Target } from "./target.ts";
import type { LabelCount, Vocabulary } from "./vocabulary.ts";

/** What a shard is built of. */
export interface BuildOptions {
  /** Height and width of a film, pixels, 8 to 1024. */
  size: number;
  /** How JPEG 2000 is decoded, which the shard's kernel tells. @default "full" */
  jpeg2000?: Jpeg2000;
  /** Salt of the split. @default DEFAULT_SALT */
  salt?: string;
  rows: readonly LabelRow[];
  /** How the label names of the rows were read. */
  vocabulary: Vocabulary;
  sources: ShardSources;
  quarantine: Quarantine;
  folder: ImageFolder;
  /** What makes of patients' ids what the shard holds. */
  ids: PatientHasher;
  /** A shard for evaluation only: a split, or a class of one, may be missing. @default false */
  evaluation?: boolean;
  /** Rows done, of all rows. */
  onProgress?: (done: number, total: number) => void;
  onEvent?: (event: BuildEvent) => void;
  signal?: AbortSignal;
}

/** What happens on the way. */
export type BuildEvent =
  /** How label names are read, before the first film is decoded: in rows that may become films. */
  | { type: "labels"; labels: LabelCount[] }
  /** No shard will come of it: so many rows are out already. The others are checked all the same. */
  | { type: "exceeded"; out: number; rows: number }
  /** So many films of a run that was stopped are here. */
  | { type: "resumed"; films: number }
  /** They cannot be used: the fields named are other ones now. */
  | { type: "restarted"; because: string }
  /** This run ends, and those that are decoded stay in the folder `dir`. */
  | { type: "kept"; films: number; dir: string };

/** What came of it. */
export interface Built {
  manifest: ShardManifest;
  /** The label names of its films. */
  labels: LabelCount[];
  /** How its DICOM files were read; null = there is none. */
  dicom: DicomCount | null;
}

/**
 * Builds the shard in the target's folder, going on from what a run that was stopped left there.
 *
 * @throws {Error} when too many rows are unusable, which is told when all have been checked, so that one correction is
 * enough; or when a class is missing (for evaluation only: every film); the films staged by then stay
 */
export async function buildShard(target: Target, options: BuildOptions): Promise<Built> {
  const { rows, quarantine, salt, vocabulary, onEvent } = options;
  const jobs = jobsOf(rows, { salt, quarantine });
  onEvent?.({ type: "labels", labels: vocabulary.count(jobs) });
  const check = options.evaluation ? checkFilms : checkClasses;
  if (!quarantine.exceeded) check(jobs);
  using staging = await openStaging(target, options);
  try {
    const films = await stage(jobs, { ...options, staging });
    await quarantine.lookForFiles((image) => options.folder.locate(image));
    const copies = copiesAcrossSplits(films);
    for (const [{ job }, error] of copies) quarantine.add(job, error);
    quarantine.check();
    const stay = films.filter((film) => !copies.has(film));
    check(stay.map(({ job }) => job));
    const labels = vocabulary.count(stay.map(({ job }) => job));
    const dicom = countDicom(stay.flatMap(({ dicom }) => dicom ?? []));
    const sources = { ...options.sources, ...dicom && { dicom } };
    const manifest = await assemble(target.dir, stay, { ...options, sources, staging, labels });
    return { manifest, labels, dicom };
  } catch (error) {
    if (staging.films === 0) target.discard();
    else onEvent?.({ type: "kept", films: staging.films, dir: target.folder });
    throw error;
  }
}

async function openStaging(target: Target, options: BuildOptions): Promise<Staging> {
  const { size, jpeg2000 = "full", rows, folder, onEvent } = options;
  const order = digest(rows.map(({ image }) => image).join("\0"));
  const decoder = `${await decoderVersion()}, ${DICOM_DECODERS}`;
  const { staging, because } = await Staging.open(
    { pixels: `${target.dir}/images.u8`, journal: target.journal },
    { size, kernel: kernelOf(jpeg2000), decoder, images: folder.path, order },
  );
  if (because) onEvent?.({ type: "restarted", because });
  else if (staging.films > 0) onEvent?.({ type: "resumed", films: staging.films });
  return staging;
}

/** Stages every job's film; those that cannot be used go into the quarantine. */
async function stage(
  jobs: readonly Job[],
  options: BuildOptions & { staging: Staging },
): Promise<Film[]> {
  const { rows, quarantine, signal, onProgress, onEvent } = options;
  const films: Film[] = [];
  using reader = new FilmReader();
  let done = rows.length - jobs.length, told = false;
  const tell = () => {
    if (told || !quarantine.exceeded) return;
    told = true;
    onEvent?.({ type: "exceeded", out: quarantine.unusable, rows: rows.length });
  };
  for await (const { job, digest, dicom } of stageFilms(jobs, { ...options, reader })) {
    signal?.throwIfAborted();
    onProgress?.(++done, rows.length);
    if (digest instanceof DataError) quarantine.add(job, digest);
    else {
      // What the table says counts before what the file says.
      const facts = dicom ? { ...dicom.facts, ...job.facts } : job.facts;
      films.push({ job: { ...job, facts }, digest, dicom });
    }
    tell();
  }
  return films;
}

/** The films move together in `images.u8`, in order, and get their columns and manifest. */
async function assemble(
  dir: string,
  films: readonly Film[],
  options: BuildOptions & { staging: Staging; labels: readonly LabelCount[] },
): Promise<ShardManifest> {
  const { size, sources, salt = DEFAULT_SALT, staging, labels, vocabulary: { negative }, signal } = options;
  const { jpeg2000 = "full", ids, evaluation } = options;
  const unknownFindings = labels.filter(({ reading }) => reading === "other").map(({ name }) => name);
  const about = {
    size,
    kernel: kernelOf(jpeg2000),
    salt,
    unknownFindings,
    negative,
    sources,
    ids,
    evaluation,
  };
  using writer = await ShardWriter.create(dir, about);
  for (const [n, { job }] of films.entries()) {
    // Nothing else here lets a signal in where every film lies in its place already.
    if (n % 256 === 0) await new Promise((done) => setTimeout(done));
    signal?.throwIfAborted();
    const { index: place, patient, image: name, assigned: split, findings, facts } = job;
    const pixels = staging.read(place)!;
    const others = findings.filter((finding) => nihName(finding) === undefined);
    await writer.append({ pixels, label: labelBits(findings), others, patient, split, name, facts }, {
      place,
    });
  }
  return await writer.finish();
}
