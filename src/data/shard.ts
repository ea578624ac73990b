/**
 * A shard: one hospital's films as fixed-stride files, made once by `prepare` and read in place.
 *
 * Why: decoding a film costs 10 ms, reading it from a shard 5 µs. All labels are kept as bits, not only the binary
 * one. `names.txt` stays in the hospital; nothing else here names a patient or a file. Of patients' ids there are HMACs,
 * which only the hospital's secret makes (patient_ids.ts): they and the facts of films are no part of the digest that
 * names a shard, so nothing that leaves the hospital follows from them.
 */

import { decodeFacts, impossibleFacts } from "./facts_file.ts";
import type { FilmFacts } from "./film_facts.ts";
import { LABEL_LIMIT } from "./findings.ts";
import { ANY_FINDING } from "../label_rule.ts";
import { refusal } from "../refusal.ts";
import { HASH_BYTES } from "./patient_ids.ts";
import {
  ADDED_FILES,
  type Columns,
  countSplits,
  damaged,
  FILE_STRIDE,
  fileBytes,
  parseManifest,
  type ShardManifest,
  type Split,
  type SplitCount,
  SPLITS,
} from "./manifest.ts";
import { checkBytes, checkDigest, openFile, read, readFull } from "./shard_files.ts";
import { OTHERS } from "./others.ts";
import { StoredFindings } from "./stored_findings.ts";

export type { FileRecord, ShardManifest, ShardSources, Split, SplitCount } from "./manifest.ts";
export { SPLITS } from "./manifest.ts";

/** A shard opened for reading: labels, patients and splits in memory, pixels on disk. */
export class Shard {
  readonly dir: string;
  readonly manifest: ShardManifest;
  /** (N) u16, one bit a finding; 0 = No Finding. */
  readonly labels: Uint16Array<ArrayBuffer>;
  /** (N) u32, patients numbered from 0 in order of appearance. */
  readonly patients: Uint32Array<ArrayBuffer>;
  /** (N) u8: 0 train, 1 val, 2 test. */
  readonly splits: Uint8Array<ArrayBuffer>;
  readonly findings: StoredFindings;
  /** (N, 3) u8; null in a shard of version 1. */
  readonly #facts: Uint8Array | null;

  private constructor(
    dir: string,
    manifest: ShardManifest,
    columns: Columns & { facts: Uint8Array | null; findings: StoredFindings },
  ) {
    this.dir = dir;
    this.#facts = columns.facts;
    this.manifest = manifest;
    this.labels = columns.labels;
    this.patients = columns.patients;
    this.splits = columns.splits;
    this.findings = columns.findings;
  }

  /** Height and width of a film, pixels. */
  get size(): number {
    return this.manifest.size;
  }

  /** Films. */
  get count(): number {
    return this.manifest.count;
  }

  /**
   * Opens the shard in folder `dir`. Sizes, codes, counts and the disjointness of splits are always checked.
   *
   * @param options.verify also check every file's SHA-256 @default false
   * @param options.signal stops that check; the promise rejects with its reason
   * @throws {Error} when it is missing, damaged or of another version; the text names the file and the remedy
   */
  static async open(dir: string, options: { verify?: boolean; signal?: AbortSignal } = {}): Promise<Shard> {
    const manifest = parseManifest(new TextDecoder().decode(await read(dir, "manifest.json")), dir);
    for (const name of Object.keys(FILE_STRIDE) as (keyof typeof FILE_STRIDE)[]) {
      await checkBytes(dir, name, fileBytes(name, manifest));
    }
    const whole = ["names.txt", ...manifest.version > 1 ? ADDED_FILES : []];
    for (const name of whole) await checkBytes(dir, name, manifest.files[name].bytes);
    if (options.verify) {
      for (const name of Object.keys(manifest.files)) {
        await checkDigest(name, { dir, record: manifest.files[name], signal: options.signal });
      }
    }
    const columns = {
      labels: new Uint16Array((await read(dir, "labels.u16")).buffer),
      patients: new Uint32Array((await read(dir, "patient.u32")).buffer),
      splits: await read(dir, "split.u8"),
      facts: manifest.version > 1 ? await read(dir, "facts.u8") : null,
    };
    checkColumns(dir, manifest, columns);
    const others = await readOthers(dir, manifest);
    const findings = new StoredFindings({ labels: columns.labels, names: manifest.unknownFindings, others });
    const row = findings.contradiction();
    if (row < 0) return new Shard(dir, manifest, { ...columns, findings });
    const expected = `the same findings in labels.u16 and ${OTHERS}`;
    throw damaged(RangeError, { dir, expected, got: `others in row ${row}` });
  }

  /**
   * (N) u8: 1 for the films that are positive by a label rule.
   *
   * @param rule its text @default any finding
   * @throws {RangeError} when the shard cannot answer it
   */
  binary(rule: string = ANY_FINDING): Uint8Array<ArrayBuffer> {
    const unknown = this.findings.unanswered(rule);
    if (unknown.length === 0) return this.findings.positives(rule);
    throw refusal(RangeError, {
      what: `Cannot tell the positive films of shard ${this.dir}`,
      expected: `findings by name for ${rule}`,
      got: `a shard of an older fedx, which knows ${unknown.join(", ")} only as other`,
      remedy: "make it again with `fedx prepare`",
    });
  }

  /** The films, patients and positive films of each split by a label rule. @throws {RangeError} as `binary` */
  counts(rule: string = ANY_FINDING): Record<Split, SplitCount> {
    const { patients, splits } = this;
    return countSplits({ labels: this.binary(rule), patients, splits });
  }

  /** The rows of one split, ascending. */
  rows(split: Split): Uint32Array<ArrayBuffer> {
    const code = SPLITS.indexOf(split);
    const rows = new Uint32Array(this.manifest.counts[split].images);
    for (let i = 0, n = 0; i < this.count; i++) if (this.splits[i] === code) rows[n++] = i;
    return rows;
  }

  /** The Image Index of every row. They stay in the hospital: for local output files only. */
  async names(): Promise<string[]> {
    const names = new TextDecoder().decode(await read(this.dir, "names.txt")).split("\n");
    names.pop();
    if (names.length !== this.count) {
      const expected = `${this.count} lines in names.txt`;
      throw damaged(SyntaxError, { dir: this.dir, expected, got: `${names.length}` });
    }
    return names;
  }

  /** What is known of a film beside its pixels and findings; it stays in the hospital. */
  facts(row: number): FilmFacts {
    return this.#facts === null ? {} : decodeFacts(this.#facts, row);
  }

  /**
   * HMACs of the patients' ids by their numbers, each (32) u8; null in a shard of version 1. They stay in the hospital.
   *
   * @throws {SyntaxError} when two patients have the same
   */
  async patientHashes(): Promise<Uint8Array[] | null> {
    if (this.manifest.version === 1) return null;
    const bytes = await read(this.dir, "patient.hmac");
    const hashes = Array.from(
      { length: bytes.length / HASH_BYTES },
      (_, i) => bytes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES),
    );
    if (new Set(hashes.map((hash) => hash.toHex())).size === hashes.length) return hashes;
    const expected = "each patient once in patient.hmac";
    throw damaged(SyntaxError, { dir: this.dir, expected, got: "one twice" });
  }

  /**
   * All pixels in row order, in blocks of whole films: `pixels` is (n, H, W) u8 from row `first` on, a buffer of its own.
   *
   * @param maxBytes the most bytes of one block @default 8 MiB
   */
  async *pixelBlocks(maxBytes: number = 8 * 1024 * 1024): AsyncIterable<PixelBlock> {
    const stride = this.size * this.size;
    const rows = Math.max(1, Math.floor(maxBytes / stride));
    using file = await openFile(`${this.dir}/images.u8`);
    for (let first = 0; first < this.count; first += rows) {
      const pixels = new Uint8Array(Math.min(rows, this.count - first) * stride);
      await readFull(file, pixels, `${this.dir}/images.u8`);
      yield { first, pixels };
    }
  }
}

/** Some films: (n, H, W) u8, beginning with row `first`. */
export interface PixelBlock {
  first: number;
  pixels: Uint8Array<ArrayBuffer>;
}

/** `others.bits`, null where the shard has none. */
async function readOthers(dir: string, { files }: ShardManifest): Promise<Uint8Array | null> {
  if (files[OTHERS] === undefined) return null;
  await checkBytes(dir, OTHERS, files[OTHERS].bytes);
  return await read(dir, OTHERS);
}

function checkColumns(
  dir: string,
  manifest: ShardManifest,
  columns: Columns & { facts: Uint8Array | null },
): void {
  const home = new Map<number, number>();
  for (let i = 0; i < manifest.count; i++) {
    const { [i]: split } = columns.splits, { [i]: patient } = columns.patients;
    if (split > 2 || columns.labels[i] >= LABEL_LIMIT) {
      const got = `an impossible label or split in row ${i}`;
      throw damaged(RangeError, { dir, expected: "possible labels and splits", got });
    }
    if ((home.get(patient) ?? split) !== split) {
      const got = `the patient of row ${i} in two splits`;
      throw damaged(RangeError, { dir, expected: "each patient in one split", got });
    }
    if (manifest.version > 1 && !home.has(patient) && patient !== home.size) {
      const got = `number ${patient} in row ${i}`;
      throw damaged(RangeError, { dir, expected: `patient ${home.size} as the next new one`, got });
    }
    home.set(patient, split);
  }
  const odd = columns.facts === null ? undefined : impossibleFacts(columns.facts);
  if (odd !== undefined) {
    const got = `something else in row ${odd}`;
    throw damaged(RangeError, { dir, expected: "possible ages, sexes and views in facts.u8", got });
  }
  const counts = countSplits(columns);
  for (const split of SPLITS) {
    for (const key of ["images", "patients", "positives"] as const) {
      const { [key]: got } = counts[split], { [key]: want } = manifest.counts[split];
      if (got === want) continue;
      throw damaged(RangeError, { dir, expected: `${want} ${key} in ${split}`, got: `${got}` });
    }
  }
}
