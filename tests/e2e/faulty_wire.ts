/**
 * Damages what this process sends: between fedx and the connection, where a proxy, a cable or bad memory would.
 *
 * Why here and not in a role: nothing of fedx knows of these faults, so what is tested is what runs.
 */
import { Duplex } from "node:stream";
import { crc32 } from "node:zlib";
import { FRAME_HEADER } from "../../src/fed/protocol/frame.ts";

/**
 * `flip`: one bit of the first frame, under the checksum of the sound bytes · `always`: the same in every first frame
 * · `rot`: one bit, with a checksum that fits · `truncate`: the first upload ends in the middle of a frame · `nan`: a
 * NaN, with a checksum that fits · `base`: the first update is announced for another base.
 */
export type WireFault = "flip" | "always" | "rot" | "truncate" | "nan" | "base";

/** The base that an update under `base` claims. */
export const OTHER_BASE = "0".repeat(64);

/** What to write instead of a frame; the stream is deaf afterwards when it is `cut`. */
interface Damaged {
  parts: Uint8Array[];
  cut?: boolean;
}

function damageFrame(fault: WireFault, header: Uint8Array, payload: Uint8Array): Damaged {
  const [head, bad] = [header.slice(), payload.slice()];
  if (fault === "truncate") return { parts: [header, payload.subarray(0, payload.length >> 1)], cut: true };
  if (fault === "nan") new DataView(bad.buffer).setFloat32(0, NaN, true);
  else bad[0] ^= 1; // the lowest bit of a mantissa
  if (fault === "nan" || fault === "rot") new DataView(head.buffer).setUint32(20, crc32(bad), true);
  return { parts: [head, bad] };
}

/** Announcements are the only messages with a base and a layout. */
function otherBase(chunk: Uint8Array): Uint8Array | undefined {
  if (chunk[0] !== "{".charCodeAt(0)) return undefined;
  const message = JSON.parse(new TextDecoder().decode(chunk));
  if (message.base === undefined || message.layout === undefined) return undefined;
  return new TextEncoder().encode(JSON.stringify({ ...message, base: OTHER_BASE }));
}

/** A frame on its way: its header, and what has come of its payload. */
interface Held {
  header: Uint8Array;
  payload: Uint8Array;
  bytes: number;
}

/** An empty frame with this header. */
function heldFrame(header: Uint8Array): Held {
  const length = new DataView(header.buffer, header.byteOffset).getUint32(16, true);
  return { header, payload: new Uint8Array(length), bytes: 0 };
}

const isHeader = (chunk: Uint8Array) =>
  chunk.length === FRAME_HEADER && new TextDecoder().decode(chunk.subarray(0, 4)) === "FDX1";

/** From now on the process's HTTP/2 streams carry `fault`. */
export function damageWire(fault: WireFault): void {
  // deno-lint-ignore no-explicit-any -- the overloads of `write`
  const write: (this: Duplex, ...args: any[]) => boolean = Duplex.prototype.write;
  const frames = new WeakMap<Duplex, Held>();
  const cut = new WeakSet<Duplex>();
  let spent = false;
  // deno-lint-ignore no-explicit-any -- the overloads of `write`
  Duplex.prototype.write = function (this: Duplex, chunk: unknown, ...rest: any[]): boolean {
    const taken = () => rest.find((one) => typeof one === "function")?.(null);
    if (cut.has(this)) return taken(), true;
    if (spent || !(chunk instanceof Uint8Array)) return write.call(this, chunk, ...rest);
    if (fault === "base") {
      const other = otherBase(chunk);
      spent = other !== undefined;
      return write.call(this, other ?? chunk, ...rest);
    }
    if (isHeader(chunk)) {
      frames.set(this, heldFrame(chunk));
      return taken(), true;
    }
    const held = frames.get(this);
    if (held === undefined) return write.call(this, chunk, ...rest);
    // A payload comes in pieces; it is damaged, and goes on, once it is whole.
    held.payload.set(chunk, held.bytes);
    held.bytes += chunk.length;
    if (held.bytes < held.payload.length) return taken(), true;
    frames.delete(this);
    spent = fault !== "always";
    const damaged = damageFrame(fault, held.header, held.payload);
    if (damaged.cut) cut.add(this);
    const [head, payload] = damaged.parts;
    write.call(this, head);
    return write.call(this, payload, ...rest);
  };
}
