/**
 * The fold at round close: staged updates are read a stretch at a time, so that memory grows neither with the model
 * nor, beyond one stretch each, with the silos; a restart simply redoes it.
 */
import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import type { Layout } from "../../model/layout.ts";
import { foldStretch, type WeightedDelta } from "../maths/exact_sum.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { writeAll } from "../../files/whole.ts";
import { PRIVATE_FILE } from "../../files/private.ts";
import type { Scale } from "../protocol/messages.ts";

/** Most f32 values read from a file at a time: 1 MiB. */
const STRETCH = 1 << 18;
/** Most f32 values of all updates that are folded at a time, 8 MiB; as many are read ahead. */
const HELD = 1 << 21;

/** A raw little-endian f32 file in layout order. */
export interface VectorFile {
  path: string;
  /** Checked on the way. */
  sha256: string;
  /** For people. @default "a vector" */
  what?: string;
}

/** A whole staged update, with the digest that it was counted with. */
export interface StagedUpdate extends VectorFile {
  /** Training images n ≥ 1. */
  examples: number;
}

/**
 * Folds staged files into a new vector file, synced but not renamed: the caller renames it when it commits.
 * @param updates Staged whole updates, in any order; without one the vector is the base.
 * @param options `base` is g(r − 1), in memory or a file; `out` is the file to write, replaced if it exists;
 * `onStretch` is awaited after each stretch of it.
 * @returns SHA-256 hex of the new vector's bytes.
 * @throws {ProtocolError} `out_of_range` naming the tensor; `damaged_state` when a file has another size or digest.
 */
export async function foldFiles(
  updates: readonly StagedUpdate[],
  options: {
    base: Float32Array | VectorFile;
    layout: Layout;
    scale: Scale;
    out: string;
    onStretch?: () => void | Promise<void>;
  },
): Promise<{ sha256: string }> {
  const { layout, scale } = options;
  const stretch = stretchOf(updates.length);
  const sources: Source[] = [];
  const open = async (file: VectorFile) => {
    const source = await Source.open(file, { length: layout.length, stretch });
    sources.push(source);
    return source;
  };
  let written = Promise.resolve();
  using out = await Deno.open(options.out, {
    write: true,
    create: true,
    truncate: true,
    mode: PRIVATE_FILE,
  });
  try {
    const read = [];
    for (const update of updates) read.push(await open(update));
    const base = options.base instanceof Float32Array ? options.base : await open(options.base);
    const digest = createHash("sha256");
    const results = [new Float32Array(stretch), new Float32Array(stretch)];
    for (let first = 0; first < layout.length; first += stretch) {
      const count = Math.min(stretch, layout.length - first);
      const old = base instanceof Float32Array ? base.subarray(first, first + count) : await base.next();
      const deltas: WeightedDelta[] = [];
      for (const [k, { examples }] of updates.entries()) {
        deltas.push({ values: await read[k].next(), examples });
      }
      const result = results.reverse()[0].subarray(0, count);
      if (deltas.length === 0) result.set(old);
      else foldStretch(old, deltas, { layout, scale, first, out: result });
      const bytes = new Uint8Array(result.buffer, 0, count * 4);
      await written;
      written = writeAll(out, bytes);
      written.catch(() => {});
      digest.update(bytes);
      await options.onStretch?.();
    }
    for (const source of sources) source.verify();
    await written;
    await out.syncData();
    return { sha256: digest.digest("hex") };
  } finally {
    await written.catch(() => {});
    for (const source of sources) await source.close();
  }
}

/** f32 values to read from each of so many files at a time. */
function stretchOf(files: number): number {
  return Math.min(STRETCH, 1 << Math.floor(Math.log2(HELD / Math.max(1, files))));
}

/** A file's values in order, a stretch ahead of what was asked for. */
class Source {
  readonly #file: FileHandle;
  readonly #length: number;
  readonly #what: string;
  readonly #expected: string;
  readonly #digest: Hash = createHash("sha256");
  readonly #buffers: Float32Array<ArrayBuffer>[];
  /** Values that were begun to read. */
  #begun = 0;
  #ahead: Promise<Float32Array<ArrayBuffer>>;

  private constructor(
    file: FileHandle,
    options: { length: number; stretch: number; what: string; sha256: string },
  ) {
    const { length, stretch, what, sha256 } = options;
    this.#file = file;
    this.#length = length;
    this.#what = what;
    this.#expected = sha256;
    this.#buffers = [new Float32Array(stretch), new Float32Array(stretch)];
    this.#ahead = this.#begin();
  }

  /** @throws {ProtocolError} `damaged_state` when the file does not hold `length` values. */
  static async open(
    { path, sha256, what = "a vector" }: VectorFile,
    options: { length: number; stretch: number },
  ): Promise<Source> {
    const file = await open(path, "r").catch((cause) => {
      throw cause.code === "ENOENT" ? damaged(what, "no file") : cause;
    });
    const { size } = await file.stat();
    const expected = options.length * 4;
    if (size === expected) return new Source(file, { ...options, what, sha256 });
    await file.close();
    throw damaged(`${what} of ${expected} bytes`, `${size}`);
  }

  /** The next stretch, shorter at the end; valid until the next call. */
  async next(): Promise<Float32Array> {
    const values = await this.#ahead;
    this.#digest.update(new Uint8Array(values.buffer, 0, values.byteLength));
    this.#ahead = this.#begin();
    return values;
  }

  /** Compares the digest of all that was read with the expected one. */
  verify(): void {
    const got = this.#digest.digest("hex");
    if (got !== this.#expected) throw damaged(`SHA-256 ${this.#expected} of ${this.#what}`, got);
  }

  async close(): Promise<void> {
    await this.#ahead.catch(() => {});
    await this.#file.close();
  }

  #begin(): Promise<Float32Array<ArrayBuffer>> {
    const buffer = this.#buffers.reverse()[0];
    const values = buffer.subarray(0, Math.min(buffer.length, this.#length - this.#begun));
    this.#begun += values.length;
    const reading = this.#fill(values);
    reading.catch(() => {});
    return reading;
  }

  async #fill(values: Float32Array<ArrayBuffer>): Promise<Float32Array<ArrayBuffer>> {
    const bytes = new Uint8Array(values.buffer, 0, values.byteLength);
    for (let at = 0; at < bytes.length;) {
      const { bytesRead } = await this.#file.read(bytes, at, bytes.length - at, null);
      if (bytesRead === 0) throw damaged("a whole file", "its end");
      at += bytesRead;
    }
    return values;
  }
}

function damaged(expected: string, got: string): ProtocolError {
  return new ProtocolError("damaged_state", { expected, got });
}
