/**
 * The fold at round close: staged updates are read a stretch at a time, so that memory grows neither with the model
 * nor, beyond one stretch each, with the silos; a restart simply redoes it.
 *
 * Every file is checked on the way. One that this process has hashed before it knows by its CRC-32 from then, which
 * finds damage as well and takes a fifteenth of the time; after a restart it is the digest again.
 */
import { Digester } from "../../files/digest.ts";
import type { Layout } from "../../model/layout.ts";
import { foldStretch } from "../maths/exact_sum.ts";
import { addModular, foldSum } from "../maths/masked_sum.ts";
import { encodedBytes, F32_DELTA, MASKED } from "../protocol/encoding.ts";
import { StretchReader } from "../state/stretch_reader.ts";
import { writeAll } from "../../files/whole.ts";
import { PRIVATE_FILE } from "../../files/private.ts";
import type { Scale } from "../protocol/messages.ts";

/** Most values read from a file at a time: 1 MiB of f32. */
const STRETCH = 1 << 18;
/** Most bytes of all updates that are folded at a time; as many are read ahead. */
const HELD = 1 << 23;

/** A raw little-endian file in layout order: f32, or 64-bit integers where it is masked. */
export interface VectorFile {
  path: string;
  sha256: string;
  /** From when this process took the digest. @default the digest is checked */
  crc32?: number;
  /** For people. @default "a vector" */
  what?: string;
}

/** A whole staged update, with the digest that it was counted with. */
export interface StagedUpdate extends VectorFile {
  /** Training images n ≥ 1. */
  examples: number;
}

/** Of the new vector's bytes. */
export type Checksums = Required<Pick<VectorFile, "sha256" | "crc32">>;

interface FoldOptions {
  /** g(r − 1). */
  base: VectorFile;
  layout: Layout;
  scale: Scale;
  /** The file to write, replaced if it exists. */
  out: string;
  /** Awaited after each stretch of it. */
  onStretch?: () => void | Promise<void>;
}

/**
 * Folds staged files into a new vector file, synced but not renamed: the caller renames it when it commits.
 * @param updates Staged whole updates, in any order; without one the vector is the base.
 * @returns SHA-256 hex and CRC-32 of the new vector's bytes.
 * @throws {ProtocolError} `out_of_range` naming the tensor; `damaged_state` when a file has another size or digest.
 */
export async function foldFiles(
  updates: readonly StagedUpdate[],
  options: FoldOptions,
): Promise<Checksums> {
  return await writeFolded(
    updates,
    { ...options, valueBytes: encodedBytes(1, F32_DELTA) },
    (old, parts, place) => {
      if (parts.length === 0) return void place.out.set(old);
      const deltas = parts.map((bytes, k) => ({ values: f32(bytes), examples: updates[k].examples }));
      foldStretch(old, deltas, { ...options, ...place });
    },
  );
}

/**
 * The same from masked updates, all of one roster: their masks cancel in the sum alone.
 * @param options `total` N ≥ 1, the training images of the silos that had steps.
 * @returns SHA-256 hex and CRC-32 of the new vector's bytes, which are those that the unmasked updates would have given.
 * @throws {ProtocolError} `out_of_range` naming the tensor, as a sum in which masks are left over nearly always is;
 * `damaged_state` when a file has another size or digest.
 * @throws {RangeError} without an update, of which the caller keeps the base.
 */
export async function foldMaskedFiles(
  updates: readonly VectorFile[],
  options: FoldOptions & { total: number },
): Promise<Checksums> {
  if (updates.length === 0) throw new RangeError("Cannot fold: expected masked updates, got none");
  return await writeFolded(
    updates,
    { ...options, valueBytes: encodedBytes(1, MASKED) },
    (old, parts, place) => {
      const [sum, ...others] = parts.map(u64);
      for (const other of others) addModular(sum, other);
      foldSum(old, sum, { ...options, ...place });
    },
  );
}

/** Makes one stretch of the new vector from the old one and the same stretch of each file. */
type FoldStretch = (
  old: Float32Array,
  parts: Uint8Array<ArrayBuffer>[],
  place: { first: number; out: Float32Array },
) => void;

/** Reads the files side by side and writes what `fold` makes of them. */
async function writeFolded(
  files: readonly VectorFile[],
  options: FoldOptions & { valueBytes: number },
  fold: FoldStretch,
): Promise<Checksums> {
  const { layout, valueBytes } = options;
  const stretch = stretchOf(files.length * valueBytes);
  const opened: { reader: StretchReader; sha256: string }[] = [];
  const open = async ({ path, sha256, crc32, what = "a vector" }: VectorFile, valueBytes: number) => {
    const expected = { bytes: layout.length * valueBytes, stretch: stretch * valueBytes, what, crc32 };
    const reader = await StretchReader.open(path, expected);
    opened.push({ reader, sha256 });
    return reader;
  };
  let written = Promise.resolve();
  using out = await Deno.open(options.out, {
    write: true,
    create: true,
    truncate: true,
    mode: PRIVATE_FILE,
  });
  try {
    const readers: StretchReader[] = [];
    for (const file of files) readers.push(await open(file, valueBytes));
    const base = await open(options.base, encodedBytes(1, F32_DELTA));
    const digest = new Digester();
    const results = [new Float32Array(stretch), new Float32Array(stretch)];
    for (let first = 0; first < layout.length; first += stretch) {
      const count = Math.min(stretch, layout.length - first);
      const old = f32(await base.next());
      const parts: Uint8Array<ArrayBuffer>[] = [];
      for (const reader of readers) parts.push(await reader.next());
      const result = results.reverse()[0].subarray(0, count);
      fold(old, parts, { first, out: result });
      const bytes = new Uint8Array(result.buffer, 0, count * 4);
      await written;
      written = writeAll(out, bytes);
      written.catch(() => {});
      digest.update(bytes);
      await options.onStretch?.();
    }
    for (const { reader, sha256 } of opened) reader.verify(sha256);
    await written;
    await out.syncData();
    return { sha256: digest.sha256(), crc32: digest.crc32 };
  } finally {
    await written.catch(() => {});
    for (const { reader } of opened) await reader.close();
  }
}

/** Values to read at a time from files that hold so many bytes for each value of the vector. */
function stretchOf(valueBytes: number): number {
  return Math.min(STRETCH, 1 << Math.floor(Math.log2(HELD / Math.max(1, valueBytes))));
}

function f32(bytes: Uint8Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  return new Float32Array(bytes.buffer, 0, bytes.length / 4);
}

function u64(bytes: Uint8Array<ArrayBuffer>): BigUint64Array<ArrayBuffer> {
  return new BigUint64Array(bytes.buffer, 0, bytes.length / 8);
}
