/**
 * A shard: one hospital's films as fixed-stride files, made once by `prepare` and read in place.
 *
 * Why: decoding a film costs 10 ms, reading it from a shard 5 µs. All labels are kept as bits, not only the binary
 * one. `names.txt` stays in the hospital; nothing else here names a patient or a file.
 */

import { createHash } from "node:crypto";
import { LABEL_LIMIT } from "./findings.ts";
import { type Obstacle, obstacleTo } from "../files/obstacle.ts";
import { ANY_FINDING } from "../label_rule.ts";
import { refusal } from "../refusal.ts";
import {
  BLOCK_BYTES,
  type Columns,
  countSplits,
  damaged,
  FILE_STRIDE,
  fileBytes,
  type FileRecord,
  parseManifest,
  type ShardManifest,
  type Split,
  type SplitCount,
  SPLITS,
} from "./manifest.ts";
import { OTHERS } from "./others.ts";
import { StoredFindings } from "./stored_findings.ts";

export type { FileRecord, ShardManifest, ShardSources, Split, SplitCount } from "./manifest.ts";
export { SPLITS } from "./manifest.ts";
export { type ShardRow, writeShard } from "./shard_writer.ts";

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

  private constructor(dir: string, manifest: ShardManifest, columns: Columns & { findings: StoredFindings }) {
    this.dir = dir;
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
    await checkBytes(dir, "names.txt", manifest.files["names.txt"].bytes);
    if (options.verify) {
      for (const name of Object.keys(manifest.files)) {
        await checkDigest(name, { dir, record: manifest.files[name], signal: options.signal });
      }
    }
    const columns: Columns = {
      labels: new Uint16Array((await read(dir, "labels.u16")).buffer),
      patients: new Uint32Array((await read(dir, "patient.u32")).buffer),
      splits: await read(dir, "split.u8"),
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

function checkColumns(dir: string, manifest: ShardManifest, columns: Columns): void {
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
    home.set(patient, split);
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

async function checkBytes(dir: string, name: string, want: number): Promise<void> {
  let got: number;
  try {
    got = (await Deno.stat(`${dir}/${name}`)).size;
  } catch (cause) {
    const found = obstacleTo(`${dir}/${name}`, cause);
    if (found === null) throw damaged(Error, { dir, expected: `${name} in it`, got: "none" }, { cause });
    throw unreadable(`${dir}/${name}`, found, cause);
  }
  if (got !== want) {
    throw damaged(RangeError, { dir, expected: `${want} bytes in ${name}`, got: `${got}` });
  }
}

/** Bytes read at a time while hashing: two such buffers take turns. */
const CHUNK = 4 * 1024 * 1024;

async function checkDigest(
  name: string,
  { dir, record, signal }: { dir: string; record: FileRecord; signal?: AbortSignal },
): Promise<void> {
  const { bytes, sha256, blocks } = record;
  const path = `${dir}/${name}`;
  if (await hashRange(path, { first: 0, bytes, signal }) === sha256) return;
  const refuse = (part: string) =>
    damaged(SyntaxError, {
      dir,
      expected: `the SHA-256 that manifest.json names for ${part}`,
      got: "another",
    });
  // Only now the blocks: they say where the damage is, but the digest that names a shard is of whole files.
  for (const [i, block] of (blocks ?? []).entries()) {
    const first = i * BLOCK_BYTES;
    const range = { first, bytes: Math.min(BLOCK_BYTES, bytes - first), signal };
    if (await hashRange(path, range) === block) continue;
    throw refuse(`block ${i} of ${name}`);
  }
  throw refuse(name);
}

/** SHA-256 (hex) of a part of a file; the next chunk is read while one is hashed. */
async function hashRange(
  path: string,
  { first, bytes, signal }: { first: number; bytes: number; signal?: AbortSignal },
): Promise<string> {
  using file = await openFile(path);
  await file.seek(first, Deno.SeekMode.Start);
  const hash = createHash("sha256");
  const buffers = [new Uint8Array(Math.min(CHUNK, bytes)), new Uint8Array(Math.min(CHUNK, bytes))];
  const next = async (turn: number, left: number) => {
    const chunk = buffers[turn].subarray(0, Math.min(CHUNK, left));
    await readFull(file, chunk, path);
    return chunk;
  };
  let pending = next(0, bytes);
  for (let left = bytes, turn = 1; left > 0; turn = 1 - turn) {
    const chunk = await pending;
    signal?.throwIfAborted();
    left -= chunk.length;
    if (left > 0) pending = next(turn, left);
    hash.update(chunk);
  }
  await pending;
  return hash.digest("hex");
}

async function read(dir: string, name: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await Deno.readFile(`${dir}/${name}`);
  } catch (cause) {
    const none = { got: "none", remedy: "name a folder made by `fedx prepare`" };
    throw unreadable(`${dir}/${name}`, obstacleTo(`${dir}/${name}`, cause) ?? none, cause);
  }
}

/** Opens a file of a shard. */
async function openFile(path: string): Promise<Deno.FsFile> {
  return await Deno.open(path).catch((cause) => {
    const found = obstacleTo(path, cause);
    throw found === null ? cause : unreadable(path, found, cause);
  });
}

function unreadable(path: string, found: Obstacle, cause: unknown): Error {
  const dir = path.slice(0, path.lastIndexOf("/")), name = path.slice(dir.length + 1);
  const parts = { what: `Cannot open shard ${dir}`, expected: `a ${name} that can be read`, ...found };
  return refusal(Error, parts, { cause });
}

async function readFull(file: Deno.FsFile, into: Uint8Array, path: string): Promise<void> {
  for (let at = 0; at < into.length;) {
    const n = await file.read(into.subarray(at));
    if (n === null) {
      const dir = path.slice(0, path.lastIndexOf("/")), name = path.slice(dir.length + 1);
      const expected = `${into.length - at} bytes more in ${name}`;
      throw damaged(RangeError, { dir, expected, got: "its end" });
    }
    at += n;
  }
}
