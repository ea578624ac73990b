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

const isHeader = (chunk: Uint8Array) =>
  chunk.length === FRAME_HEADER && new TextDecoder().decode(chunk.subarray(0, 4)) === "FDX1";

/** From now on the process's HTTP/2 streams carry `fault`. */
export function damageWire(fault: WireFault): void {
  // deno-lint-ignore no-explicit-any -- the overloads of `write`
  const write: (this: Duplex, ...args: any[]) => boolean = Duplex.prototype.write;
  const headers = new WeakMap<Duplex, Uint8Array>();
  const cut = new WeakSet<Duplex>();
  let spent = false;
  Duplex.prototype.write = function (this: Duplex, chunk: unknown, ...rest: unknown[]): boolean {
    if (cut.has(this)) return true;
    if (spent || !(chunk instanceof Uint8Array)) return write.call(this, chunk, ...rest);
    if (fault === "base") {
      const other = otherBase(chunk);
      spent = other !== undefined;
      return write.call(this, other ?? chunk, ...rest);
    }
    if (isHeader(chunk)) {
      headers.set(this, chunk);
      return true;
    }
    const header = headers.get(this);
    if (header === undefined) return write.call(this, chunk, ...rest);
    headers.delete(this);
    spent = fault !== "always";
    const damaged = damageFrame(fault, header, chunk);
    if (damaged.cut) cut.add(this);
    return damaged.parts.map((part) => write.call(this, part)).at(-1)!;
  };
}
