/**
 * Frames carry an update's bytes: magic `FDX1`, u16 version, u16 flags, u64 offset, u32 length ≤ 1 MiB, u32 CRC-32
 * of the payload, then the payload; little-endian. The reader knows from the announced update what may come, so
 * every length is checked before anything is allocated.
 */
import { crc32 } from "node:zlib";
import { crcText } from "../../files/digest.ts";
import { freeMemory } from "../../files/free_memory.ts";
import { ProtocolError } from "./errors.ts";

const FRAME_VERSION = 1;
/** Bytes before the payload. */
export const FRAME_HEADER = 24;
/** Largest payload of a frame, bytes. */
export const FRAME_PAYLOAD = 1 << 20;
/** `FDX1` read as a little-endian u32. */
const MAGIC = 0x31584446;

/**
 * The frames of a stretch of an update: header, payload, header, payload … Payloads are views of `bytes`, which must
 * stay unchanged until they are sent.
 * @param bytes The stretch.
 * @param options `offset` of its first byte in the update; `payload` bytes per frame, 1 … 1 MiB.
 * @default payload 1 MiB
 */
export function* encodeFrames(
  bytes: Uint8Array,
  options: { offset: number; payload?: number },
): Generator<Uint8Array> {
  const { offset, payload = FRAME_PAYLOAD } = options;
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw new RangeError(`Cannot encode frames: expected a byte offset, got ${offset}`);
  }
  if (!Number.isInteger(payload) || payload < 1 || payload > FRAME_PAYLOAD) {
    throw new RangeError(
      `Cannot encode frames: expected a payload of 1 … ${FRAME_PAYLOAD} bytes, got ${payload}`,
    );
  }
  for (let at = 0; at < bytes.length; at += payload) {
    const part = bytes.subarray(at, at + payload);
    yield header(part, offset + at);
    yield part;
  }
}

function header(payload: Uint8Array, offset: number): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, MAGIC, true);
  view.setUint16(4, FRAME_VERSION, true);
  view.setUint16(6, 0, true);
  view.setBigUint64(8, BigInt(offset), true);
  view.setUint32(16, payload.length, true);
  view.setUint32(20, crc32(payload), true);
  return bytes;
}

/** A checked piece of the update. `payload` is valid until the next one is asked for. */
export interface Frame {
  offset: number;
  payload: Uint8Array;
}

/**
 * Reads frames from chunks that end anywhere. Holds one frame at most; a payload that lies whole in a chunk is not
 * copied. After an error the reader refuses everything: the update goes on from the last good offset in a new one.
 * Disposing of it frees the memory of its frame.
 */
export class FrameReader implements Disposable {
  readonly #total: number;
  #offset: number;
  readonly #header = new Uint8Array(FRAME_HEADER);
  readonly #view = new DataView(this.#header.buffer);
  #headerHeld = 0;
  /** Payload bytes of the frame in hand, −1 while its header is incomplete. */
  #length = -1;
  /** Where payloads that come in pieces are put together, one after the other. */
  #payload = new Uint8Array(0);
  #payloadHeld = 0;
  #broken = false;

  /** @param start `total` bytes of the announced update, `offset` of the next byte wanted. */
  constructor(start: { total: number; offset: number }) {
    const { total, offset } = start;
    if (!Number.isSafeInteger(total) || !Number.isSafeInteger(offset) || offset < 0 || offset > total) {
      throw new RangeError(`Cannot read frames: expected an offset within ${total} bytes, got ${offset}`);
    }
    this.#total = total;
    this.#offset = offset;
  }

  /** Next byte wanted; everything before it has been handed out. */
  get offset(): number {
    return this.#offset;
  }

  /** Whether the whole update has been handed out. */
  get done(): boolean {
    return this.#offset === this.#total;
  }

  /**
   * The frames that `chunk` completes; iterate to the end before the next call.
   * @throws {ProtocolError} `bad_frame` or `wrong_offset`, with what was expected and what came.
   */
  *push(chunk: Uint8Array): Generator<Frame> {
    if (this.#broken) throw refuse("a new reader after an error", "more bytes");
    let at = 0;
    while (at < chunk.length) {
      if (this.#length < 0) {
        at += this.#takeHeader(chunk.subarray(at));
        if (this.#length < 0) return;
        continue;
      }
      const wanted = this.#length - this.#payloadHeld;
      const part = chunk.subarray(at, at + wanted);
      at += part.length;
      const payload = this.#takePayload(part);
      if (payload !== null) yield this.#finish(payload);
    }
  }

  /**
   * Call at the end of the body.
   * @throws {ProtocolError} when it ended inside a frame.
   */
  end(): void {
    if (this.#headerHeld === 0 && this.#length < 0) return;
    const got = this.#length < 0
      ? `${this.#headerHeld} bytes of a header`
      : `${this.#payloadHeld} of ${this.#length} payload bytes`;
    throw this.#break(refuse("whole frames", got));
  }

  [Symbol.dispose](): void {
    freeMemory(this.#payload);
  }

  /** Takes bytes of the header; checks it when complete. Returns the bytes taken. */
  #takeHeader(bytes: Uint8Array): number {
    const part = bytes.subarray(0, FRAME_HEADER - this.#headerHeld);
    this.#header.set(part, this.#headerHeld);
    this.#headerHeld += part.length;
    if (this.#headerHeld === FRAME_HEADER) {
      this.#check();
      this.#headerHeld = 0;
      this.#payloadHeld = 0;
    }
    return part.length;
  }

  #check(): void {
    const magic = this.#view.getUint32(0, true);
    if (magic !== MAGIC) throw this.#break(refuse("the magic FDX1", `0x${magic.toString(16)}`));
    const version = this.#view.getUint16(4, true);
    if (version !== FRAME_VERSION) throw this.#break(refuse(`frame version ${FRAME_VERSION}`, `${version}`));
    const flags = this.#view.getUint16(6, true);
    if (flags !== 0) throw this.#break(refuse("flags 0", `${flags}`));
    const offset = this.#view.getBigUint64(8, true);
    if (offset !== BigInt(this.#offset)) {
      throw this.#break(
        new ProtocolError("wrong_offset", { expected: `offset ${this.#offset}`, got: `${offset}` }),
      );
    }
    const length = this.#view.getUint32(16, true);
    const most = Math.min(FRAME_PAYLOAD, this.#total - this.#offset);
    if (length < 1 || length > most) {
      throw this.#break(refuse(most < 1 ? "no more frames" : `a length of 1 … ${most}`, `${length}`));
    }
    this.#length = length;
  }

  /** Takes bytes of the payload; returns it when complete, as a view of the chunk where it came in one piece. */
  #takePayload(part: Uint8Array): Uint8Array | null {
    if (this.#payloadHeld === 0 && part.length === this.#length) return part;
    if (this.#payload.length < this.#length) this.#payload = new Uint8Array(this.#length);
    this.#payload.set(part, this.#payloadHeld);
    this.#payloadHeld += part.length;
    return this.#payloadHeld === this.#length ? this.#payload.subarray(0, this.#length) : null;
  }

  #finish(payload: Uint8Array): Frame {
    const expected = this.#view.getUint32(20, true);
    const got = crc32(payload);
    if (got !== expected) {
      throw this.#break(refuse(`CRC-32 ${crcText(expected)} at offset ${this.#offset}`, crcText(got)));
    }
    const frame = { offset: this.#offset, payload };
    this.#offset += payload.length;
    this.#length = -1;
    this.#payloadHeld = 0;
    return frame;
  }

  #break(error: ProtocolError): ProtocolError {
    this.#broken = true;
    return error;
  }
}

function refuse(expected: string, got: string): ProtocolError {
  return new ProtocolError("bad_frame", { expected, got });
}
