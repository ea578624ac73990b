/** A shard's `manifest.json`: what it says, how it is checked, and the digest that names a shard's content. */

import { createHash } from "node:crypto";
import { refusal } from "../refusal.ts";

/** The three patient-disjoint parts of a shard; in `split.u8` they are 0, 1 and 2. */
export type Split = "train" | "val" | "test";

/** The splits in the order of their codes. */
export const SPLITS: readonly Split[] = ["train", "val", "test"];

/** Films, patients and films with a finding in one split. */
export interface SplitCount {
  images: number;
  patients: number;
  positives: number;
}

/** One file of a shard; `blocks` are SHA-256 values of consecutive runs of {@linkcode BLOCK_BYTES}. */
export interface FileRecord {
  bytes: number;
  sha256: string;
  blocks?: string[];
}

/** Where a shard came from: digests and counts only, no names. */
export interface ShardSources {
  /** SHA-256 of the labels file. */
  labels?: string;
  /** SHA-256 of NIH's two lists, where they gave the splits. */
  lists?: string;
  /** Rows of the labels file. */
  rows?: number;
  /** Rows left out, by reason. */
  quarantined?: Record<string, number>;
  /** Set when the films were drawn, not taken. */
  phantom?: boolean;
}

/** `manifest.json`. The format may only gain fields. */
export interface ShardManifest {
  version: 1;
  /** Height and width of a film, pixels. */
  size: number;
  /** Resize filter, e.g. "lanczos3". */
  kernel: string;
  /** "fill": the whole film is stretched to size × size. */
  fit: "fill";
  /** "any-finding": a film is positive when any label bit is set. */
  labelRule: string;
  /** Salt of the hash that drew `val` (and `test` where the labels file had none). */
  salt: string;
  /** Films. */
  count: number;
  counts: Record<Split, SplitCount>;
  files: Record<string, FileRecord>;
  /** Names of label bits 0 to 13. */
  findings: string[];
  /** Names behind bit 14. */
  unknownFindings: string[];
  sources: ShardSources;
  /** SHA-256 of the shard's content: size, preprocessing and the digests of pixels, labels, patients, splits. */
  digest: string;
}

/** Bytes a film, by file; `images.u8` takes size² more than the 0 written here. */
export const FILE_STRIDE = { "images.u8": 0, "labels.u16": 2, "patient.u32": 4, "split.u8": 1 } as const;

/** Checksums of `images.u8` are kept per block of this many bytes. */
export const BLOCK_BYTES = 64 * 1024 * 1024;

/** The refusal of a shard whose files are not as they were written. */
export function damaged<E extends Error>(
  kind: new (message: string, options?: ErrorOptions) => E,
  parts: { dir: string; expected: string; got: string },
  options?: ErrorOptions,
): E {
  const { dir, expected, got } = parts;
  const remedy = "build the shard again with `fedx prepare`";
  return refusal(kind, { what: `Cannot open shard ${dir}`, expected, got, remedy }, options);
}

/** The digest of a shard's content; names and sources do not enter it. */
export function shardDigest(manifest: Omit<ShardManifest, "digest">): string {
  const { size, kernel, fit, labelRule, count } = manifest;
  const files = Object.keys(FILE_STRIDE).map((name) => [name, manifest.files[name].sha256]);
  return createHash("sha256").update(JSON.stringify([1, size, kernel, fit, labelRule, count, files])).digest(
    "hex",
  );
}

/** Bytes that `name` must have in a shard of `count` films of `size` × `size`. */
export function fileBytes(name: keyof typeof FILE_STRIDE, manifest: { count: number; size: number }): number {
  return manifest.count * (name === "images.u8" ? manifest.size * manifest.size : FILE_STRIDE[name]);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isSha(value: unknown): value is string {
  return typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
}

/** The first field of `m` that is not as the format says, or undefined. */
function wrongField(m: ShardManifest): string | undefined {
  if (!isCount(m.size) || m.size < 8 || m.size > 1024) return "size";
  if (!isCount(m.count)) return "count";
  for (const key of ["kernel", "labelRule", "salt"] as const) if (typeof m[key] !== "string") return key;
  if (m.fit !== "fill") return "fit";
  for (const split of SPLITS) {
    const c = m.counts?.[split];
    if (!isCount(c?.images) || !isCount(c?.patients) || !isCount(c?.positives)) return `counts.${split}`;
  }
  for (const name of Object.keys(FILE_STRIDE) as (keyof typeof FILE_STRIDE)[]) {
    const file = m.files?.[name];
    if (!isSha(file?.sha256) || file.bytes !== fileBytes(name, m)) return `files.${name}`;
  }
  if (!isCount(m.files["names.txt"]?.bytes) || !isSha(m.files["names.txt"].sha256)) return "files.names.txt";
  if (!Array.isArray(m.findings) || !Array.isArray(m.unknownFindings)) return "findings";
  return m.digest === shardDigest(m) ? undefined : "digest";
}

/**
 * Parses and checks a manifest's text.
 *
 * @throws {SyntaxError} when it is no manifest of version 1 or contradicts itself
 */
export function parseManifest(text: string, dir: string): ShardManifest {
  let value: ShardManifest;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged(SyntaxError, { dir, expected: "manifest.json in JSON", got: "other text" }, { cause });
  }
  if (value?.version !== 1) {
    const got = JSON.stringify(value?.version);
    throw damaged(SyntaxError, { dir, expected: "manifest version 1", got });
  }
  const field = wrongField(value);
  if (field === undefined) return value;
  throw damaged(SyntaxError, {
    dir,
    expected: "a manifest.json that agrees with itself",
    got: `a wrong ${field}`,
  });
}

/** A shard's columns: label bits, patient numbers and split codes, one entry a film. */
export interface Columns {
  labels: Uint16Array<ArrayBuffer>;
  patients: Uint32Array<ArrayBuffer>;
  splits: Uint8Array<ArrayBuffer>;
}

/** Counts films, patients and positives of each split. */
export function countSplits(columns: Columns): Record<Split, SplitCount> {
  const of = (code: number): SplitCount => {
    const patients = new Set<number>();
    let images = 0, positives = 0;
    for (let i = 0; i < columns.splits.length; i++) {
      if (columns.splits[i] !== code) continue;
      images++;
      if (columns.labels[i]) positives++;
      patients.add(columns.patients[i]);
    }
    return { images, patients: patients.size, positives };
  };
  return { train: of(0), val: of(1), test: of(2) };
}
