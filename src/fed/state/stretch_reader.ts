/** Reads a file of known size in order, a stretch at a time and one ahead, so that memory does not grow with it. */
import { createHash, type Hash } from "node:crypto";
import { crc32 } from "node:zlib";
import { type FileHandle, open } from "node:fs/promises";
import { crcText } from "../../files/digest.ts";
import { ProtocolError } from "../protocol/errors.ts";

/** What a file must be; `what` it is, for people. */
interface Expected {
  /** Its size. */
  bytes: number;
  /** Bytes read at a time. */
  stretch: number;
  what: string;
  /** Where it is known, `verify` looks at it alone, and there is no digest. */
  crc32?: number;
}

export class StretchReader {
  readonly #file: FileHandle;
  readonly #expected: Expected;
  readonly #digest: Hash = createHash("sha256");
  #crc32 = 0;
  readonly #buffers: Uint8Array<ArrayBuffer>[];
  /** Bytes that were begun to read. */
  #begun = 0;
  #ahead: Promise<Uint8Array<ArrayBuffer>>;

  private constructor(file: FileHandle, expected: Expected) {
    this.#file = file;
    this.#expected = expected;
    this.#buffers = [new Uint8Array(expected.stretch), new Uint8Array(expected.stretch)];
    this.#ahead = this.#begin();
  }

  /** @throws {ProtocolError} `damaged_state` when there is no file of this size. */
  static async open(path: string, expected: Expected): Promise<StretchReader> {
    const { bytes, what } = expected;
    const file = await open(path, "r").catch((cause) => {
      throw cause.code === "ENOENT" ? damaged(what, "no file") : cause;
    });
    const { size } = await file.stat();
    if (size === bytes) return new StretchReader(file, expected);
    await file.close();
    throw damaged(`${what} of ${bytes} bytes`, `${size}`);
  }

  /**
   * The next stretch, shorter at the end, from byte 0 of its buffer on; valid until the next call.
   * @throws {ProtocolError} `damaged_state` when the file has become shorter.
   */
  async next(): Promise<Uint8Array<ArrayBuffer>> {
    const bytes = await this.#ahead;
    if (this.#expected.crc32 === undefined) this.#digest.update(bytes);
    else this.#crc32 = crc32(bytes, this.#crc32);
    this.#ahead = this.#begin();
    return bytes;
  }

  /** SHA-256 hex of all that was read; nothing can be read afterwards. */
  digest(): string {
    return this.#digest.digest("hex");
  }

  /**
   * Ends like `digest`.
   * @throws {ProtocolError} `damaged_state` when all that was read has another CRC-32 or, where none is expected, SHA-256.
   */
  verify(sha256: string): void {
    const { what, crc32 } = this.#expected;
    if (crc32 === undefined) {
      const got = this.digest();
      if (got !== sha256) throw damaged(`SHA-256 ${sha256} of ${what}`, got);
    } else if (this.#crc32 !== crc32) {
      throw damaged(`CRC-32 ${crcText(crc32)} of ${what}`, crcText(this.#crc32));
    }
  }

  async close(): Promise<void> {
    await this.#ahead.catch(() => {});
    await this.#file.close();
  }

  #begin(): Promise<Uint8Array<ArrayBuffer>> {
    const buffer = this.#buffers.reverse()[0];
    const bytes = buffer.subarray(0, Math.min(buffer.length, this.#expected.bytes - this.#begun));
    this.#begun += bytes.length;
    const reading = this.#fill(bytes);
    reading.catch(() => {});
    return reading;
  }

  async #fill(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
    for (let at = 0; at < bytes.length;) {
      const { bytesRead } = await this.#file.read(bytes, at, bytes.length - at, null);
      if (bytesRead === 0) throw damaged("a whole file", "its end");
      at += bytesRead;
    }
    return bytes;
  }
}

function damaged(expected: string, got: string): ProtocolError {
  return new ProtocolError("damaged_state", { expected, got });
}
