/**
 * Image files and a labels file become a shard.
 *
 * Why all that can be refused is refused early: a hospital's films take hours to decode.
 */

import { createHash } from "node:crypto";
import { ClassCounts } from "./class_counts.ts";
import { decodeImage, KERNEL } from "./decode.ts";
import { DataError, Quarantine, type QuarantineReason } from "./quarantine.ts";
import { labelBits } from "./findings.ts";
import { type ShardManifest, type Split, type SplitCount, SPLITS } from "./manifest.ts";
import { ShardWriter } from "./shard_writer.ts";
import { assignSplits } from "./split.ts";
import { type LabelRow, parseLabels } from "./table.ts";
import { Target } from "./target.ts";

/** What `prepareShard` works on. */
export interface PrepareOptions {
  /** Folder of the images. */
  images: string;
  /** Path of the labels file. */
  labels: string;
  /** Height and width of a film, pixels, 8 to 1024. */
  size: number;
  /** The folder to make. */
  out: string;
  /** The largest share of rows that may be left out. @default .05 */
  maxQuarantine?: number;
  /** Salt of the split. @default "fedx-1" */
  salt?: string;
  /** Replace an existing shard or an empty folder, once the new shard is whole. @default false */
  force?: boolean;
  /** Rows done, of all rows. */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/** What came of it. */
export interface PrepareResult {
  images: number;
  patients: number;
  positives: number;
  splits: Record<Split, SplitCount>;
  /** Rows left out, by reason; every reason is present. */
  quarantined: Record<QuarantineReason, number>;
  digest: string;
}

/** Decodes at work at once: they run beside the main thread, and each holds one film. */
const IN_FLIGHT = Math.max(2, navigator.hardwareConcurrency);

/** A row that may become a film. */
interface Job extends LabelRow {
  assigned: Split;
}

/** A row's pixels, (size, size) u8, or why it has none. */
interface Decoded {
  job: Job;
  pixels: Uint8Array | DataError;
}

/**
 * Makes the shard `options.out`.
 *
 * @throws {Error} when a source is missing, the labels file is unusable, more than `maxQuarantine` of the rows are,
 * `train` or `val` lacks a class, or `out` may not be written; nothing is left behind then
 */
export async function prepareShard(options: PrepareOptions): Promise<PrepareResult> {
  checkOptions(options);
  await checkFolder(options.images);
  const bytes = await readTable(options.labels);
  const rows = parseLabels(bytes, options.labels);
  await using target = await Target.claim(options.out, {
    force: options.force ?? false,
    sources: { "--images": options.images, "--labels": options.labels },
  });
  const labels = createHash("sha256").update(bytes).digest("hex");
  const { manifest, quarantined } = await fill(target.dir, rows, { ...options, digest: labels });
  await target.place();
  return summary(manifest, quarantined);
}

function checkOptions({ size, maxQuarantine = 0.05 }: PrepareOptions): void {
  if (!Number.isInteger(size) || size < 8 || size > 1024) {
    throw new RangeError(`Cannot make a shard: expected a size from 8 to 1024 px, got ${size}`);
  }
  if (!(maxQuarantine >= 0 && maxQuarantine <= 1)) {
    throw new RangeError(
      `Cannot make a shard: expected a largest quarantined share from 0 to 1, got ${maxQuarantine}`,
    );
  }
}

async function checkFolder(path: string): Promise<void> {
  const found = await Deno.stat(path).catch((cause) => {
    const got = cause instanceof Deno.errors.NotFound ? "nothing" : cause.message;
    throw new Error(`Cannot read images ${path}: expected a folder, got ${got}; name one with --images`, {
      cause,
    });
  });
  if (found.isDirectory) return;
  throw new Error(`Cannot read images ${path}: expected a folder, got a file; name one with --images`);
}

async function readTable(path: string): Promise<Uint8Array> {
  try {
    return await Deno.readFile(path);
  } catch (cause) {
    throw new Error(
      `Cannot read labels ${path}: it is missing or unreadable; name a CSV file with --labels`,
      {
        cause,
      },
    );
  }
}

function summary(manifest: ShardManifest, quarantined: Record<QuarantineReason, number>): PrepareResult {
  const sum = (key: keyof SplitCount) =>
    SPLITS.reduce((total, split) => total + manifest.counts[split][key], 0);
  return {
    images: manifest.count,
    patients: sum("patients"),
    positives: sum("positives"),
    splits: manifest.counts,
    quarantined,
    digest: manifest.digest,
  };
}

/** Decodes every usable row, in order, into a new shard in `dir`. */
async function fill(
  dir: string,
  rows: LabelRow[],
  options: PrepareOptions & { digest: string },
): Promise<{ manifest: ShardManifest; quarantined: Record<QuarantineReason, number> }> {
  const { size, salt = "fedx-1", signal, onProgress } = options;
  const quarantine = new Quarantine(rows.length, options.maxQuarantine ?? 0.05);
  const jobs = jobsOf(rows, { salt, quarantine });
  const classes = new ClassCounts(jobs);
  const sources = { labels: options.digest, rows: rows.length, quarantined: quarantine.counts };
  const shape = { size, kernel: KERNEL, salt, unknownFindings: [] as string[], sources };
  using writer = await ShardWriter.create(dir, shape);
  const unknown = new Set<string>();
  let done = rows.length - jobs.length;
  for await (const { job, pixels } of inOrder(jobs, (job) => decodeJob(job, options))) {
    signal?.throwIfAborted();
    onProgress?.(++done, rows.length);
    if (pixels instanceof DataError) {
      quarantine.add(pixels);
      classes.drop(job);
      continue;
    }
    const { patient, image, assigned } = job;
    const label = labelBits(job.findings);
    for (const name of label.unknown) unknown.add(name);
    await writer.append({ pixels, label: label.bits, patient, split: assigned, name: image });
  }
  shape.unknownFindings.push(...unknown);
  return { manifest: await writer.finish(), quarantined: quarantine.counts };
}

/**
 * The rows that may become films, with their split; the others go into `quarantine`. Splits are drawn over the rows
 * with sound labels only.
 */
function jobsOf(rows: LabelRow[], options: { salt: string; quarantine: Quarantine }): Job[] {
  const { salt, quarantine } = options;
  const sound = rows.filter((row) => !row.bad);
  const splits = assignSplits(sound, { salt });
  for (const { bad } of rows) if (bad) quarantine.add(new DataError("bad_label", bad));
  return sound.flatMap((row, i) => {
    const { [i]: assigned } = splits;
    if (assigned !== null && !leadsOut(row.image)) return [{ ...row, assigned }];
    quarantine.add(
      assigned === null
        ? new DataError("patient_in_two_splits", "a patient in two splits")
        : new DataError("missing_file", "an Image Index that leads out of the image folder"),
    );
    return [];
  });
}

function leadsOut(image: string): boolean {
  return image.startsWith("/") || image.split(/[/\\]/).includes("..");
}

async function decodeJob(job: Job, { images, size }: PrepareOptions): Promise<Decoded> {
  try {
    return { job, pixels: await decodeImage(`${images}/${job.image}`, { size }) };
  } catch (error) {
    if (error instanceof DataError) return { job, pixels: error };
    throw error;
  }
}

/** Runs `work` on a few items at once and yields the results in the items' order. */
async function* inOrder<T, R>(items: Iterable<T>, work: (item: T) => Promise<R>): AsyncIterable<R> {
  const running: Promise<R>[] = [];
  try {
    for (const item of items) {
      running.push(work(item));
      if (running.length >= IN_FLIGHT) yield await running.shift()!;
    }
    while (running.length) yield await running.shift()!;
  } finally {
    await Promise.allSettled(running);
  }
}
