/** SHA-256, always as 64 lower-case hex digits, and beside it CRC-32. */
import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";

/** Bytes of a file read at a time. */
const PIECE = 1 << 20;

/** The digest of a text's UTF-8 bytes, or of the bytes of a view: a Float32Array's are little-endian. */
export function digest(data: string | ArrayBufferView): string {
  const bytes = typeof data === "string"
    ? data
    : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return createHash("sha256").update(bytes).digest("hex");
}

/** The digest of a file's bytes, read piece by piece; null when there is no such file. */
export async function fileDigest(path: string): Promise<string | null> {
  const hash = createHash("sha256");
  try {
    using file = await Deno.open(path);
    const piece = new Uint8Array(PIECE);
    for (let got; (got = await file.read(piece)) !== null;) hash.update(piece.subarray(0, got));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
  return hash.digest("hex");
}

/** Both sums of bytes that come piece by piece. */
export class Digester {
  readonly #hash = createHash("sha256");
  #crc32 = 0;

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
    this.#crc32 = crc32(bytes, this.#crc32);
  }

  get crc32(): number {
    return this.#crc32;
  }

  /** SHA-256; nothing can be added afterwards. */
  sha256(): string {
    return this.#hash.digest("hex");
  }
}

/** A CRC-32 for people. */
export function crcText(sum: number): string {
  return `0x${sum.toString(16).padStart(8, "0")}`;
}
