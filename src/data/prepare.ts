/**
 * Image files and a labels file become a shard.
 *
 * Why a folder beside the target: the shard appears by one rename when it is whole, so neither a kill nor a bad
 * input leaves half a shard, or costs an existing one.
 */

import { createHash } from "node:crypto";
import { decodeImage, KERNEL } from "./decode.ts";
import { DataError, Quarantine, type QuarantineReason } from "./quarantine.ts";
import { labelBits } from "./findings.ts";
import { type ShardManifest, type Split, type SplitCount, SPLITS } from "./manifest.ts";
import { ShardWriter } from "./shard_writer.ts";
import { assignSplits } from "./split.ts";
import { type LabelRow, parseLabels } from "./table.ts";

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
  /** Replace an existing shard, once the new one is whole. @default false */
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

/** Decodes at work at once: more gain nothing on the main thread. */
const IN_FLIGHT = 3;

interface Job extends LabelRow {
  assigned: Split | null;
  pixels?: Uint8Array;
  failure?: DataError;
}

/**
 * Makes the shard `options.out`.
 *
 * @throws {Error} when the labels file is unusable, more than `maxQuarantine` of the rows are, `train` or `val` lacks
 * a class, or `out` exists; nothing is left behind then
 */
export async function prepareShard(options: PrepareOptions): Promise<PrepareResult> {
  checkOptions(options);
  const out = options.out.replace(/\/+$/, "");
  if (!options.force && await exists(out)) {
    throw new Error(
      `Cannot make shard ${out}: it exists; name another folder with --out or replace it with --force`,
    );
  }
  const bytes = await readTable(options.labels);
  const { rows } = parseLabels(bytes, options.labels);
  const parent = out.slice(0, out.lastIndexOf("/") + 1) || ".";
  await Deno.mkdir(parent, { recursive: true });
  const dir = await Deno.makeTempDir({
    dir: parent,
    prefix: `${out.slice(out.lastIndexOf("/") + 1)}.partial-`,
  });
  try {
    const labels = createHash("sha256").update(bytes).digest("hex");
    const { manifest, quarantined } = await fill(dir, rows, { ...options, digest: labels });
    await place(dir, out);
    return summary(manifest, quarantined);
  } catch (error) {
    await Deno.remove(dir, { recursive: true }).catch(() => {});
    throw error;
  }
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

async function exists(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
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
  const { size, salt = "fedx-1", signal } = options;
  const quarantine = new Quarantine(rows.length, options.maxQuarantine ?? 0.05);
  const unknown = new Set<string>();
  const sources = { labels: options.digest, rows: rows.length, quarantined: quarantine.counts };
  const shape = { size, kernel: KERNEL, salt, unknownFindings: [] as string[], sources };
  using writer = await ShardWriter.create(dir, shape);
  let done = 0;
  for await (const job of inOrder(jobsOf(rows, salt), (job) => decodeJob(job, options))) {
    signal?.throwIfAborted();
    options.onProgress?.(++done, rows.length);
    if (job.failure) {
      quarantine.add(job.failure);
      continue;
    }
    const label = labelBits(job.findings);
    for (const name of label.unknown) unknown.add(name);
    const { patient, image } = job;
    await writer.append({
      pixels: job.pixels!,
      label: label.bits,
      patient,
      split: job.assigned!,
      name: image,
    });
  }
  quarantine.check();
  shape.unknownFindings.push(...unknown);
  const manifest = await writer.finish();
  checkClasses(manifest);
  return { manifest, quarantined: quarantine.counts };
}

/** Rows with their split; splits are drawn over the usable rows only. */
function jobsOf(rows: LabelRow[], salt: string): Job[] {
  const splits = assignSplits(rows.filter((row) => !row.bad), { salt });
  let next = 0;
  return rows.map((row) => ({ ...row, assigned: row.bad ? null : splits[next++] }));
}

async function decodeJob(job: Job, options: PrepareOptions): Promise<Job> {
  try {
    if (job.bad) throw new DataError("bad_label", job.bad);
    if (job.assigned === null) throw new DataError("patient_in_two_splits", "a patient in two splits");
    if (job.image.startsWith("/") || job.image.split(/[/\\]/).includes("..")) {
      throw new DataError("missing_file", "an Image Index that leads out of the image folder");
    }
    return { ...job, pixels: await decodeImage(`${options.images}/${job.image}`, { size: options.size }) };
  } catch (error) {
    if (error instanceof DataError) return { ...job, failure: error };
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

/** @throws {Error} when train or val has no film with, or none without a finding */
function checkClasses(manifest: ShardManifest): void {
  for (const split of ["train", "val"] as const) {
    const { images, positives } = manifest.counts[split];
    if (positives > 0 && positives < images) continue;
    const missing = positives === 0 ? "with a finding" : "with No Finding";
    throw new Error(
      `Cannot make the shard: ${split} has ${images} images but none ${missing}; ` +
        `both classes are needed: add such images or correct "Finding Labels" and "split"`,
    );
  }
}

/** Moves the finished folder to `out`; an old shard goes only when the new one stands in its place. */
async function place(dir: string, out: string): Promise<void> {
  const old = `${dir}.old`;
  const replaced = await exists(out);
  if (replaced) await Deno.rename(out, old);
  try {
    await Deno.rename(dir, out);
  } catch (error) {
    if (replaced) await Deno.rename(old, out);
    throw error;
  }
  const parent = await Deno.open(out.slice(0, out.lastIndexOf("/") + 1) || ".");
  await parent.sync().finally(() => parent.close());
  if (replaced) await Deno.remove(old, { recursive: true });
}
