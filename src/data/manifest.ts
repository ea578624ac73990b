/** A shard's `manifest.json`: what it says, how it is checked, and the digest that names a shard's content. */

import * as v from "valibot";
import { digest } from "../files/digest.ts";
import { FACTS_BYTES } from "./facts_file.ts";
import { HASH_BYTES } from "./patient_ids.ts";
import { refusal } from "../refusal.ts";
import { spelling } from "../spelling.ts";
import { OTHERS, othersStride } from "./others.ts";

/** The three patient-disjoint parts of a shard; in `split.u8` they are 0, 1 and 2. */
export type Split = "train" | "val" | "test";

/** The splits in the order of their codes. */
export const SPLITS: readonly Split[] = ["train", "val", "test"];

/** Height and width of a film, pixels: the fewest and the most. */
export const FILM_SIZE = { least: 8, most: 1024 } as const;

/** Whether films may have this height and width. */
export function isFilmSize(size: number): boolean {
  return Number.isInteger(size) && size >= FILM_SIZE.least && size <= FILM_SIZE.most;
}

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const sha256 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));

/** Films, patients and films with a finding in one split. */
const splitCount = v.object({ images: count, patients: count, positives: count });

/** One file of a shard; `blocks` are SHA-256 values of consecutive runs of {@linkcode BLOCK_BYTES}. */
const fileRecord = v.object({ bytes: count, sha256, blocks: v.optional(v.array(sha256)) });

/** Where a shard came from: digests and counts only, no names. */
const shardSources = v.object({
  /** SHA-256 of the labels file. */
  labels: v.optional(sha256),
  /** SHA-256 of NIH's two lists, where they gave the splits. */
  lists: v.optional(sha256),
  /** The form of the labels file, e.g. "CheXpert". */
  table: v.optional(v.string()),
  /** SHA-256 of the files beside it that were read too, by their published names. */
  beside: v.optional(v.record(v.string(), sha256)),
  /** Rows of the labels file. */
  rows: v.optional(count),
  /** Films left out by rule. */
  leftOut: v.optional(v.record(v.string(), count)),
  /** Rows left out, by reason. */
  quarantined: v.optional(v.record(v.string(), count)),
  /** How films that are DICOM files were read, counted. */
  dicom: v.optional(v.object({
    films: count,
    /** By modality, CR or DX. */
    modalities: v.record(v.string(), count),
    /** By transfer syntax. */
    syntaxes: v.record(v.string(), count),
    /** By what laid their values onto the grey scale. */
    windowing: v.record(v.string(), count),
    /** Those whose lowest value is shown white, as in MONOCHROME1. */
    inverted: count,
    /** Those whose view a description alone tells. */
    describedViews: count,
  })),
  /** Set when the films were drawn, not taken. */
  phantom: v.optional(v.boolean()),
});

/** `manifest.json`. The format may only gain fields. */
const shardManifest = v.object({
  /** 1: without `patient.hmac`, `facts.u8` and `others.bits`. */
  version: v.picklist([1, 2]),
  /** Height and width of a film, pixels. */
  size: v.pipe(count, v.minValue(FILM_SIZE.least), v.maxValue(FILM_SIZE.most)),
  /** How files became films, e.g. "lanczos3" (src/kernel.ts). */
  kernel: v.string(),
  /** "fill": the whole film is stretched to size × size. */
  fit: v.literal("fill"),
  /** "any-finding", by which `counts` are counted; a run's own rule is asked of the stored findings. */
  labelRule: v.string(),
  /** Salt of the hash that drew `val` (and `test` where the labels file had none). */
  salt: v.string(),
  /** Films. */
  count,
  counts: v.object({ train: splitCount, val: splitCount, test: splitCount }),
  files: v.record(v.string(), fileRecord),
  /** Names of label bits 0 to 13. */
  findings: v.array(v.string()),
  /** Names behind bit 14. */
  unknownFindings: v.array(v.string()),
  /** The hospital's own words for nothing found: how its labels were read, no part of the label rule. */
  negative: v.optional(v.array(v.string())),
  sources: shardSources,
  /** Which secret the patients' ids were hashed with ({@linkcode PatientHasher}); from version 2 on. */
  site: v.optional(sha256),
  /** A split, or a class of one, may be missing: nothing is trained on it. */
  evaluation: v.optional(v.boolean()),
  /** Digests of the shards that it was before patients were taken out, the first one first. */
  before: v.optional(v.array(sha256)),
  /** SHA-256 of the shard's content: size, preprocessing and the digests of pixels, labels, patients, splits. */
  digest: sha256,
});

export type SplitCount = v.InferOutput<typeof splitCount>;
export type FileRecord = v.InferOutput<typeof fileRecord>;
export type ShardSources = v.InferOutput<typeof shardSources>;
export type ShardManifest = v.InferOutput<typeof shardManifest>;

/** Bytes a film, by file; `images.u8` takes size² more than the 0 written here. */
export const FILE_STRIDE = { "images.u8": 0, "labels.u16": 2, "patient.u32": 4, "split.u8": 1 } as const;

/** What a shard of version 2 has beside: HMACs of patients' ids by ordinal, and what is known of each film. */
export const ADDED_FILES = ["patient.hmac", "facts.u8"] as const;

/** Every file of a shard. */
export const SHARD_FILES: readonly string[] = [
  ...Object.keys(FILE_STRIDE),
  ...ADDED_FILES,
  OTHERS,
  "names.txt",
  "manifest.json",
];

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

/** The digest of a shard's content; names of films and sources do not enter it, those of findings with their bits do. */
export function shardDigest(manifest: Omit<ShardManifest, "digest">): string {
  const { size, kernel, fit, labelRule, count } = manifest;
  const files = Object.keys(FILE_STRIDE).map((name) => [name, manifest.files[name].sha256]);
  const { [OTHERS]: others } = manifest.files;
  if (others !== undefined) files.push([OTHERS, others.sha256, ...manifest.unknownFindings.map(spelling)]);
  return digest(JSON.stringify([1, size, kernel, fit, labelRule, count, files]));
}

/** Bytes that `name` must have in a shard of `count` films of `size` × `size`. */
export function fileBytes(name: keyof typeof FILE_STRIDE, manifest: { count: number; size: number }): number {
  return manifest.count * (name === "images.u8" ? manifest.size * manifest.size : FILE_STRIDE[name]);
}

/** Patients of all splits: nobody is in two. */
export function patientsOf({ counts }: Pick<ShardManifest, "counts">): number {
  return SPLITS.reduce((sum, split) => sum + counts[split].patients, 0);
}

/** The first field that a shard of version 2 lacks or that contradicts its counts. */
function wrongAddition(manifest: ShardManifest): string | undefined {
  if (manifest.site === undefined) return "site";
  const bytes = {
    "patient.hmac": HASH_BYTES * patientsOf(manifest),
    "facts.u8": FACTS_BYTES * manifest.count,
  };
  const wrong = ADDED_FILES.find((name) => manifest.files[name]?.bytes !== bytes[name]);
  return wrong && `files.${wrong}`;
}

/** The first field of a well-formed manifest that contradicts the others, or undefined. */
function contradiction(manifest: ShardManifest): string | undefined {
  const { files } = manifest;
  for (const name of Object.keys(FILE_STRIDE) as (keyof typeof FILE_STRIDE)[]) {
    if (files[name]?.bytes !== fileBytes(name, manifest)) return `files.${name}`;
  }
  if (files["names.txt"] === undefined) return "files.names.txt";
  const added = manifest.version > 1 ? wrongAddition(manifest) : undefined;
  if (added !== undefined) return added;
  const { [OTHERS]: others } = files, bytes = manifest.count * othersStride(manifest.unknownFindings);
  if (others !== undefined && (bytes === 0 || others.bytes !== bytes)) return `files.${OTHERS}`;
  return manifest.digest === shardDigest(manifest) ? undefined : "digest";
}

/**
 * Parses and checks a manifest's text.
 *
 * @throws {SyntaxError} when it is no manifest of version 1 or 2, or contradicts itself
 */
export function parseManifest(text: string, dir: string): ShardManifest {
  let value;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw damaged(SyntaxError, { dir, expected: "manifest.json in JSON", got: "other text" }, { cause });
  }
  if (![1, 2].includes(value?.version)) {
    const got = JSON.stringify(value?.version);
    throw damaged(SyntaxError, { dir, expected: "manifest version 1 or 2", got });
  }
  const { success, output, issues } = v.safeParse(shardManifest, value, { abortEarly: true });
  const field = success ? contradiction(output) : v.getDotPath(issues[0])!;
  if (success && field === undefined) return output;
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

/** Columns with any sign of a film's class in place of its label bits: 0 is negative. */
export type ClassColumns = Omit<Columns, "labels"> & { labels: ArrayLike<number> };

/** Counts films, patients and positives of each split. */
export function countSplits(columns: ClassColumns): Record<Split, SplitCount> {
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
