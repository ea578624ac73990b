/** Writes a shard film by film into a folder of its own; the manifest comes last, so a half-written shard never opens. */

import { createHash, type Hash } from "node:crypto";
import { writeAll } from "../files/whole.ts";
import { digest } from "../files/digest.ts";
import { encodeFacts, FACTS_BYTES } from "./facts_file.ts";
import type { FilmFacts } from "./film_facts.ts";
import { FINDINGS, LABEL_LIMIT, OTHER } from "./findings.ts";
import {
  BLOCK_BYTES,
  countSplits,
  type FileRecord,
  shardDigest,
  type ShardManifest,
  type ShardSources,
  type Split,
  SPLITS,
} from "./manifest.ts";
import { HASH_BYTES, type PatientHasher } from "./patient_ids.ts";
import { OTHERS, othersStride, packOthers } from "./others.ts";
import { spelling } from "../spelling.ts";

/** One film: pixels (H, W) u8, label bits, the hospital's patient id (its order of appearance and HMAC are written). */
export interface ShardRow {
  pixels: Uint8Array;
  label: number;
  /** Its findings behind bit 14, of `unknownFindings`, in any spelling; needed where there are some. @default none */
  others?: readonly string[];
  patient: string;
  split: Split;
  name: string;
  /** @default nothing is known */
  facts?: FilmFacts;
}

/** What a shard says about itself beside its rows. */
export interface ShardOptions {
  size: number;
  kernel: string;
  salt: string;
  /** What makes of the films' patient ids what is written. */
  ids: PatientHasher;
  unknownFindings?: readonly string[];
  /** The hospital's words for nothing found. @default none */
  negative?: readonly string[];
  sources?: ShardSources;
  /** It is for evaluation only. @default false */
  evaluation?: boolean;
  /** Digests of the shards that it was before. @default none */
  before?: readonly string[];
}

/** An open shard in the making. Close it (`using`) whether or not it was finished. */
export class ShardWriter implements Disposable {
  #dir: string;
  #options: ShardOptions;
  #images: Deno.FsFile;
  #hash = createHash("sha256");
  #block: Hash = createHash("sha256");
  #blocks: string[] = [];
  #inBlock = 0;
  #labels: number[] = [];
  #others: Uint8Array[] = [];
  #patients: number[] = [];
  #splits: number[] = [];
  #names: string[] = [];
  #facts: Uint8Array<ArrayBuffer>[] = [];
  #ids = new Map<string, number>();
  /** Names behind bit 14, and these in one spelling. */
  readonly #unknown: readonly string[];
  readonly #spelled: readonly string[];

  private constructor(dir: string, images: Deno.FsFile, options: ShardOptions) {
    this.#dir = dir;
    this.#images = images;
    this.#options = options;
    this.#unknown = [...options.unknownFindings ?? []].sort();
    this.#spelled = this.#unknown.map(spelling);
  }

  /** Begins a shard in `dir`, which must exist; films of a staging that lie in its `images.u8` are kept. */
  static async create(dir: string, options: ShardOptions): Promise<ShardWriter> {
    const images = await Deno.open(`${dir}/images.u8`, { write: true, create: true });
    return new ShardWriter(dir, images, options);
  }

  /**
   * Appends one film.
   *
   * @param options.place where its pixels lie in `images.u8` already, in films; not before the shard's end so far
   * @throws {RangeError} when its pixels, label, other findings, name or facts do not fit the format
   */
  async append(row: ShardRow, options: { place?: number } = {}): Promise<void> {
    const stride = this.#options.size ** 2;
    if (row.pixels.length !== stride) {
      throw new RangeError(`Cannot append a film: expected ${stride} pixels, got ${row.pixels.length}`);
    }
    if (!(row.label >= 0 && row.label < LABEL_LIMIT) || row.name.includes("\n")) {
      throw new RangeError(`Cannot append a film: label ${row.label} or its name does not fit the format`);
    }
    const facts = encodeFacts(row.facts ?? {});
    const others = packOthers(row.others ?? [], this.#spelled);
    if (this.#unknown.length > 0 && others.some((byte) => byte > 0) !== (row.label & OTHER) > 0) {
      throw new RangeError(
        `Cannot append a film: label ${row.label} and its other findings contradict each other`,
      );
    }
    this.#count(row.pixels);
    if (options.place !== this.#labels.length) await this.#put(row.pixels);
    let id = this.#ids.get(row.patient);
    if (id === undefined) this.#ids.set(row.patient, id = this.#ids.size);
    this.#labels.push(row.label);
    this.#others.push(others);
    this.#patients.push(id);
    this.#splits.push(SPLITS.indexOf(row.split));
    this.#names.push(row.name);
    this.#facts.push(facts);
  }

  async #put(pixels: Uint8Array): Promise<void> {
    await this.#images.seek(this.#labels.length * pixels.length, Deno.SeekMode.Start);
    await writeAll(this.#images, pixels);
  }

  #count(pixels: Uint8Array): void {
    this.#hash.update(pixels);
    for (let at = 0; at < pixels.length;) {
      const n = Math.min(pixels.length - at, BLOCK_BYTES - this.#inBlock);
      this.#block.update(pixels.subarray(at, at + n));
      at += n;
      this.#inBlock += n;
      if (this.#inBlock === BLOCK_BYTES) this.#closeBlock();
    }
  }

  #closeBlock(): void {
    this.#blocks.push(this.#block.digest("hex"));
    this.#block = createHash("sha256");
    this.#inBlock = 0;
  }

  /** Writes the columns and, last, the manifest; everything is on disk when it returns. */
  async finish(): Promise<ShardManifest> {
    if (this.#inBlock) this.#closeBlock();
    const { size, kernel, salt, ids, negative = [], sources = {} } = this.#options;
    const { evaluation = false, before = [] } = this.#options;
    await this.#images.truncate(this.#labels.length * size * size);
    await this.#images.sync();
    const columns = {
      labels: Uint16Array.from(this.#labels),
      patients: Uint32Array.from(this.#patients),
      splits: Uint8Array.from(this.#splits),
    };
    const count = this.#labels.length;
    const files: Record<string, FileRecord> = {
      "images.u8": { bytes: count * size * size, sha256: this.#hash.digest("hex"), blocks: this.#blocks },
      "labels.u16": await this.#write("labels.u16", columns.labels),
      "patient.u32": await this.#write("patient.u32", columns.patients),
      "split.u8": await this.#write("split.u8", columns.splits),
      "patient.hmac": await this.#write(
        "patient.hmac",
        joined([...this.#ids.keys()].map((id) => ids.hash(id)), HASH_BYTES),
      ),
      "facts.u8": await this.#write("facts.u8", joined(this.#facts, FACTS_BYTES)),
      ...this.#unknown.length > 0 &&
        { [OTHERS]: await this.#write(OTHERS, joined(this.#others, othersStride(this.#unknown))) },
      "names.txt": await this.#write(
        "names.txt",
        new TextEncoder().encode(this.#names.map((name) => name + "\n").join("")),
      ),
    };
    const body: Omit<ShardManifest, "digest"> = {
      version: 2,
      size,
      kernel,
      fit: "fill",
      labelRule: "any-finding",
      salt,
      count,
      counts: countSplits(columns),
      files,
      findings: [...FINDINGS],
      unknownFindings: [...this.#unknown],
      ...negative.length > 0 && { negative: [...negative].sort() },
      sources,
      site: ids.site,
      ...evaluation && { evaluation },
      ...before.length > 0 && { before: [...before] },
    };
    const manifest: ShardManifest = { ...body, digest: shardDigest(body) };
    await this.#write("manifest.json", new TextEncoder().encode(JSON.stringify(manifest, null, 2) + "\n"));
    return manifest;
  }

  async #write(name: string, data: ArrayBufferView<ArrayBuffer>): Promise<FileRecord> {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    using file = await Deno.open(`${this.#dir}/${name}`, { write: true, create: true, truncate: true });
    await writeAll(file, bytes);
    await file.sync();
    return { bytes: bytes.length, sha256: digest(bytes) };
  }

  [Symbol.dispose](): void {
    this.#images.close();
  }
}

/** Parts of `stride` bytes each, one after the other. */
function joined(parts: readonly Uint8Array[], stride: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.length * stride);
  parts.forEach((part, i) => bytes.set(part, i * stride));
  return bytes;
}
