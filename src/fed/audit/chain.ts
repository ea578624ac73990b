/**
 * A log whose lines are a hash chain: each is a JSON object that begins with the SHA-256 of the line before, so that no
 * line can be changed, taken away or put in without every later one.
 *
 * Why the digest is of a line's bytes and not of what it says: whoever checks a log needs no rule about how JSON is
 * written. A kill may leave a last line unfinished; the next start cuts it, since nobody has been told of it
 * (`sync` comes before a head is handed out).
 */
import { digest } from "../../files/digest.ts";
import { acquireLock } from "../../files/lock.ts";
import { PRIVATE_FILE } from "../../files/private.ts";
import { readAt, writeAllSync } from "../../files/whole.ts";
import type { ChainHead } from "../protocol/signed_head.ts";

/** What the first line has in place of a digest. */
export const GENESIS = "0".repeat(64);

/** Bytes of a file that are read at a time. */
const PIECE = 1 << 20;
const LINE_FEED = 10;

/** A log that this process alone appends to. */
export class Chain implements Disposable {
  readonly #file: Deno.FsFile;
  /** Bytes of whole lines. */
  #size: number;
  #lines: number;
  #digest: string;
  /** Bytes of an unfinished last line that were cut. */
  readonly cut: number;

  private constructor(file: Deno.FsFile, found: Found & { cut: number }) {
    this.#file = file;
    this.#size = found.size;
    this.#lines = found.lines;
    this.#digest = found.digest;
    this.cut = found.cut;
  }

  /** Opens or makes the log at `path`, an unfinished last line cut; null where another process writes it. */
  static async open(path: string): Promise<Chain | null> {
    const file = await Deno.open(path, { create: true, read: true, append: true, mode: PRIVATE_FILE });
    try {
      if (!await acquireLock(file)) {
        file.close();
        return null;
      }
      const { size } = await file.stat();
      const found = await findEnd(file, size);
      if (found.size < size) await file.truncate(found.size);
      return new Chain(file, { ...found, cut: size - found.size });
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** Lines so far. */
  get lines(): number {
    return this.#lines;
  }

  /** Writes a record as the next line, whole or not at all. @throws what the disk says; the log is then as before */
  append(record: object): void {
    const text = JSON.stringify({ prev: this.#digest, ...record });
    const bytes = new TextEncoder().encode(text + "\n");
    try {
      writeAllSync(this.#file, bytes);
    } catch (error) {
      this.#takeBack();
      throw error;
    }
    this.#size += bytes.length;
    this.#lines++;
    this.#digest = digest(text);
  }

  /** Makes all lines so far durable; returns where the log then stood, null for an empty one. @throws what the disk says */
  async sync(): Promise<ChainHead | null> {
    const head = { lines: this.#lines, digest: this.#digest };
    await this.#file.syncData();
    return head.lines === 0 ? null : head;
  }

  /** Takes away what was written of a line. */
  #takeBack(): void {
    try {
      this.#file.truncateSync(this.#size);
    } catch {
      // A device, in place of a file.
    }
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

/** The end of a log's whole lines. */
interface Found {
  size: number;
  lines: number;
  /** Of the last line. */
  digest: string;
}

async function findEnd(file: Deno.FsFile, size: number): Promise<Found> {
  let lines = 0, last = 0, end = 0;
  for (let offset = 0; offset < size; offset += PIECE) {
    const piece = new Uint8Array(Math.min(PIECE, size - offset));
    await readAt(file, offset, piece);
    for (let at = piece.indexOf(LINE_FEED); at >= 0; at = piece.indexOf(LINE_FEED, at + 1)) {
      lines++;
      [last, end] = [end, offset + at + 1];
    }
  }
  if (lines === 0) return { size: 0, lines, digest: GENESIS };
  const line = new Uint8Array(end - 1 - last);
  await readAt(file, last, line);
  return { size: end, lines, digest: digest(line) };
}
