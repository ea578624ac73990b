/**
 * A .tar.gz of a few texts, as POSIX describes it (ustar), so that every tar unpacks it. The same texts give the same
 * bytes: nothing of the machine or the moment enters them.
 */
import { gzipSync } from "node:zlib";

/** A text file, or a folder where `text` is absent. */
export interface Entry {
  path: string;
  text?: string;
  /** Permission bits. */
  mode: number;
}

/** Bytes of a tar's blocks. */
const BLOCK = 512;

/** Packs the entries in their order. @param date of all of them @throws {RangeError} a path is too long for ustar */
export function archive(entries: readonly Entry[], date: Date): Uint8Array<ArrayBuffer> {
  const blocks = entries.flatMap(({ path, text, mode }) => {
    const bytes = new TextEncoder().encode(text ?? "");
    const padded = new Uint8Array(Math.ceil(bytes.length / BLOCK) * BLOCK);
    padded.set(bytes);
    return [header({ path, mode, size: bytes.length, folder: text === undefined, date }), padded];
  });
  const end = new Uint8Array(2 * BLOCK);
  return new Uint8Array(gzipSync(Uint8Array.from([...blocks, end].flatMap((block) => [...block]))));
}

function header(
  entry: { path: string; mode: number; size: number; folder: boolean; date: Date },
): Uint8Array {
  const { mode, size, folder, date } = entry;
  const path = folder ? `${entry.path}/` : entry.path;
  if (!/^[\x21-\x7e]{1,100}$/.test(path)) {
    throw new RangeError(`Cannot pack ${path}: expected a path of at most 100 bytes, got ${path.length}`);
  }
  const block = new Uint8Array(BLOCK);
  const put = (at: number, text: string) => block.set(new TextEncoder().encode(text), at);
  const octal = (value: number, digits: number) => value.toString(8).padStart(digits, "0");
  put(0, path);
  put(100, octal(mode, 7));
  put(108, octal(0, 7)); // owner and group: root's numbers, which only root gives to what it unpacks
  put(116, octal(0, 7));
  put(124, octal(size, 11));
  put(136, octal(Math.floor(date.getTime() / 1000), 11));
  put(148, " ".repeat(8)); // the sum counts its own field as blanks
  put(156, folder ? "5" : "0");
  put(257, "ustar\0" + "00");
  put(148, `${octal(block.reduce((sum, byte) => sum + byte, 0), 6)}\0`);
  return block;
}
