/** DICOM files of one frame in explicit little endian, for tests: what a hospital's archive holds, made small. */
import { joinChunks } from "../../src/fed/wire/exchange.ts";

/** What a file says; every field may be left out. */
export interface DicomOptions {
  width?: number;
  height?: number;
  /** Row by row; 8 bits where `bits` is up to 8, else 16. @default a ramp */
  pixels?: Uint8Array | Uint16Array;
  /** Bits stored. @default 8 */
  bits?: number;
  /** Attributes beside or in place of those that a film has, by tag; null takes one away. */
  attributes?: Record<string, [vr: string, value: string | number[] | Uint8Array] | null>;
  /** UID of the transfer syntax in the file's head; the data set stays explicit little endian. */
  syntax?: string;
}

/** Tags of what a chest film has, as `gggg,eeee`. */
function filmAttributes({ width, height, bits }: { width: number; height: number; bits: number }) {
  return {
    "0008,0016": ["UI", "1.2.840.10008.5.1.4.1.1.1.1"],
    "0008,0018": ["UI", "1.2.826.0.1.3680043.8.498.1"],
    "0008,0050": ["SH", "A1"],
    "0008,0060": ["CS", "DX"],
    "0010,0010": ["PN", "Roe^Jane"],
    "0010,0020": ["LO", "P1"],
    "0010,0040": ["CS", "F"],
    "0010,1010": ["AS", "058Y"],
    "0018,5101": ["CS", "PA"],
    "0028,0002": ["US", [1]],
    "0028,0004": ["CS", "MONOCHROME2"],
    "0028,0010": ["US", [height]],
    "0028,0011": ["US", [width]],
    "0028,0100": ["US", [bits <= 8 ? 8 : 16]],
    "0028,0101": ["US", [bits]],
    "0028,0102": ["US", [bits - 1]],
    "0028,0103": ["US", [0]],
  } satisfies NonNullable<DicomOptions["attributes"]>;
}

/** One file's bytes. */
export function dicomFile(options: DicomOptions = {}): Uint8Array<ArrayBuffer> {
  const { width = 32, height = 32, bits = 8, attributes = {}, syntax = "1.2.840.10008.1.2.1" } = options;
  const length = width * height;
  const ramp = Array.from({ length }, (_, i) => i % 2 ** bits);
  const pixels = options.pixels ?? (bits <= 8 ? Uint8Array.from(ramp) : Uint16Array.from(ramp));
  const all: DicomOptions["attributes"] = { ...filmAttributes({ width, height, bits }), ...attributes };
  const elements = Object.entries(all).toSorted(([a], [b]) => a < b ? -1 : 1)
    .flatMap(([tag, given]) => given === null ? [] : [element(tag, given[0], bytesOf(given[1]))]);
  if (!("7fe0,0010" in attributes)) {
    const raw = new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.byteLength);
    elements.push(element("7fe0,0010", bits <= 8 ? "OB" : "OW", raw));
  }
  const head = element("0002,0010", "UI", bytesOf(syntax));
  const group = element("0002,0000", "UL", new Uint8Array(Uint32Array.of(head.length).buffer));
  return joinChunks([new Uint8Array(128), new TextEncoder().encode("DICM"), group, head, ...elements]);
}

/** Numbers are of two bytes. */
function bytesOf(value: string | number[] | Uint8Array): Uint8Array {
  if (value instanceof Uint8Array) return value;
  return typeof value === "string"
    ? new TextEncoder().encode(value)
    : new Uint8Array(Uint16Array.from(value).buffer);
}

/** An item of a sequence with one text (LO). */
export function item(tag: string, text: string): Uint8Array {
  const inner = element(tag, "LO", bytesOf(text));
  const head = new DataView(new ArrayBuffer(8));
  head.setUint32(0, 0xe000fffe, true);
  head.setUint32(4, inner.length, true);
  return joinChunks([new Uint8Array(head.buffer), inner]);
}

/** An element, padded to an even length. */
function element(tag: string, vr: string, value: Uint8Array): Uint8Array {
  const length = value.length + value.length % 2;
  const wide = ["OB", "OW", "SQ", "UN", "UT"].includes(vr);
  const bytes = new Uint8Array((wide ? 12 : 8) + length);
  const view = new DataView(bytes.buffer);
  tag.split(",").forEach((part, i) => view.setUint16(2 * i, parseInt(part, 16), true));
  bytes.set(new TextEncoder().encode(vr), 4);
  if (wide) view.setUint32(8, length, true);
  else view.setUint16(6, length, true);
  bytes.set(value, wide ? 12 : 8);
  if (value.length % 2 === 1) bytes[bytes.length - 1] = vr === "UI" || wide ? 0 : 32;
  return bytes;
}
