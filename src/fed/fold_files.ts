/**
 * The fold at round close: staged updates are read a stretch at a time, so that memory grows neither with the model
 * nor, beyond one stretch each, with the silos; a restart simply redoes it.
 */
import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import type { Layout } from "../model/layout.ts";
import { foldStretch, type WeightedDelta } from "./aggregate.ts";
import { ProtocolError } from "./errors.ts";
import { writeAll } from "./files.ts";
import type { Scale } from "./protocol.ts";

/** f32 values read from every file at a time: 1 MiB. */
const STRETCH = 1 << 18;

/** A whole staged update: a raw little-endian f32 file in layout order. */
export interface StagedUpdate {
  path: string;
  /** Training images n ≥ 1. */
  examples: number;
  /** Digest it was counted with; checked on the way when given. */
  sha256?: string;
}

/**
 * Folds staged files into a new vector file, synced but not renamed: the caller renames it when it commits.
 * @param updates Staged whole updates, in any order.
 * @param options `base` is g(r − 1), in memory or a raw f32 file; `out` is the file to write, replaced if it exists;
 * `onStretch` is awaited after each stretch of it.
 * @returns SHA-256 hex of the new vector's bytes.
 * @throws {ProtocolError} `out_of_range` naming the tensor; `damaged_state` when a file has another size or digest.
 */
export async function foldFiles(
  updates: readonly StagedUpdate[],
  options: {
    base: Float32Array | string;
    layout: Layout;
    scale: Scale;
    out: string;
    onStretch?: () => void | Promise<void>;
  },
): Promise<{ sha256: string }> {
  const { layout, scale } = options;
  const files: FileHandle[] = [];
  try {
    const sources: Source[] = [];
    for (const { path, sha256 } of updates) sources.push(await openSource(path, { layout, files, sha256 }));
    const base = typeof options.base === "string"
      ? await openSource(options.base, { layout, files })
      : options.base;
    using out = await Deno.open(options.out, { write: true, create: true, truncate: true });
    const digest = createHash("sha256");
    const result = new Float32Array(STRETCH);
    for (let first = 0; first < layout.length; first += STRETCH) {
      const count = Math.min(STRETCH, layout.length - first);
      const old = base instanceof Float32Array ? base.subarray(first, first + count) : await base.next(count);
      const deltas: WeightedDelta[] = [];
      for (const [k, { examples }] of updates.entries()) {
        deltas.push({ values: await sources[k].next(count), examples });
      }
      const values = foldStretch(old, deltas, { layout, scale, first, out: result.subarray(0, count) });
      const bytes = new Uint8Array(values.buffer, 0, count * 4);
      digest.update(bytes);
      await writeAll(out, bytes);
      await options.onStretch?.();
    }
    for (const source of sources) source.verify();
    await out.syncData();
    return { sha256: digest.digest("hex") };
  } finally {
    for (const file of files) await file.close();
  }
}

/** Reads a file's values in order, through one buffer. */
class Source {
  readonly #file: FileHandle;
  readonly #buffer = new Float32Array(STRETCH);
  readonly #expected: string | undefined;
  readonly #digest: Hash | null;

  constructor(file: FileHandle, sha256: string | undefined) {
    this.#file = file;
    this.#expected = sha256;
    this.#digest = sha256 === undefined ? null : createHash("sha256");
  }

  /** The next `count` values; valid until the next call. */
  async next(count: number): Promise<Float32Array> {
    const bytes = new Uint8Array(this.#buffer.buffer, 0, count * 4);
    for (let at = 0; at < bytes.length;) {
      const { bytesRead } = await this.#file.read(bytes, at, bytes.length - at, null);
      if (bytesRead === 0) throw damaged("a whole file", "its end");
      at += bytesRead;
    }
    this.#digest?.update(bytes);
    return this.#buffer.subarray(0, count);
  }

  /** Compares the digest of all that was read with the expected one, if any. */
  verify(): void {
    const got = this.#digest?.digest("hex");
    if (got !== this.#expected) throw damaged(`SHA-256 ${this.#expected}`, String(got));
  }
}

async function openSource(
  path: string,
  options: { layout: Layout; files: FileHandle[]; sha256?: string },
): Promise<Source> {
  const file = await open(path, "r");
  options.files.push(file);
  const { size } = await file.stat();
  const expected = options.layout.length * 4;
  if (size !== expected) throw damaged(`a vector of ${expected} bytes`, `${size}`);
  return new Source(file, options.sha256);
}

function damaged(expected: string, got: string): ProtocolError {
  return new ProtocolError("damaged_state", { expected, got });
}
