/**
 * NumPy's .npy files in memory, the form of every array in a Flower message.
 *
 * Source: numpy.lib.format, versions 1.0 to 3.0. Written is 1.0, as numpy itself writes what fits it.
 */
import { damaged } from "./damaged.ts";

/** What arrays hold, by numpy's name without the byte order. */
const KINDS = {
  f4: { bytes: 4, read: (view: DataView, at: number) => view.getFloat32(at, true) },
  f8: { bytes: 8, read: (view: DataView, at: number) => view.getFloat64(at, true) },
  i4: { bytes: 4, read: (view: DataView, at: number) => view.getInt32(at, true) },
  i8: { bytes: 8, read: (view: DataView, at: number) => Number(view.getBigInt64(at, true)) },
} as const;
export type NumpyKind = keyof typeof KINDS;

/** An array with its numbers in C order. */
export interface NumpyArray {
  kind: NumpyKind;
  /** None for a single number. */
  shape: number[];
  values: Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** Bytes that a header's length is a multiple of. */
const ALIGNMENT = 64;
/** Bytes of the longest header, far above that of eight dimensions. */
const LONGEST = 1 << 12;
const DIMENSIONS = 8;

/** The name that Flower gives a kind in an array's JSON. */
export const dtypeOf = (kind: NumpyKind): string =>
  `${kind[0] === "f" ? "float" : "int"}${8 * KINDS[kind].bytes}`;

/** The bytes of an array of float32 or int64. */
export function encodeNpy(
  { shape, values }: { shape: readonly number[]; values: Float32Array | BigInt64Array },
): Uint8Array<ArrayBuffer> {
  const kind = kindOf(values);
  const text = `{'descr': '<${kind}', 'fortran_order': False, 'shape': (${shapeText(shape)}), }`;
  const length = Math.ceil((MAGIC.length + 4 + text.length + 1) / ALIGNMENT) * ALIGNMENT;
  const bytes = new Uint8Array(length + values.byteLength);
  bytes.set([...MAGIC, 1, 0]);
  new DataView(bytes.buffer).setUint16(8, length - 10, true);
  bytes.set(new TextEncoder().encode(text.padEnd(length - 11, " ") + "\n"), 10);
  bytes.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), length);
  return bytes;
}

/** numpy's name of what such an array holds. */
export const kindOf = (values: Float32Array | BigInt64Array): "f4" | "i8" =>
  values instanceof Float32Array ? "f4" : "i8";

const shapeText = (shape: readonly number[]) => shape.length === 1 ? `${shape[0]},` : shape.join(", ");

/**
 * Reads an array of at most `most` numbers.
 *
 * @throws {SyntaxError} for bytes that are no whole .npy file, or of a kind that weights do not have.
 */
export function decodeNpy(bytes: Uint8Array, { most }: { most: number }): NumpyArray {
  const { kind, shape, fortran, first } = header(bytes);
  const count = shape.reduce((product, side) => product * side, 1);
  if (count > most) throw damaged("an array", { expected: `at most ${most} numbers`, got: `${count}` });
  const data = bytes.subarray(first);
  const { bytes: width, read } = KINDS[kind];
  if (data.length !== count * width) {
    throw damaged("an array", { expected: `${count * width} bytes`, got: `${data.length}` });
  }
  const values = kind === "f4" ? new Float32Array(count) : new Float64Array(count);
  if (kind === "f4" && !fortran) {
    new Uint8Array(values.buffer).set(data);
    return { kind, shape, values };
  }
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const place = fortran ? columnMajor(shape) : (i: number) => i;
  for (let i = 0; i < count; i++) values[i] = read(view, width * place(i));
  return { kind, shape, values };
}

function header(bytes: Uint8Array) {
  const whole = bytes.length >= 12 && MAGIC.every((byte, i) => bytes[i] === byte) && bytes[6] >= 1 &&
    bytes[6] <= 3;
  if (!whole) throw damaged("an array", { expected: "an .npy file of version 1 to 3" });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = bytes[6] === 1 ? 10 : 12;
  const length = bytes[6] === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > LONGEST || start + length > bytes.length) throw damaged("an array", { expected: "a header" });
  const text = new TextDecoder("latin1").decode(bytes.subarray(start, start + length));
  const descr = /'descr': *'([<>|=]?)(\w+)'/.exec(text);
  const order = /'fortran_order': *(True|False)/.exec(text)?.[1];
  const sides = /'shape': *\(([\d, ]*)\)/.exec(text)?.[1];
  if (descr === null || order === undefined || sides === undefined) {
    throw damaged("an array", { expected: "a header with descr, fortran_order and shape" });
  }
  if (!Object.hasOwn(KINDS, descr[2]) || descr[1] === ">") {
    const expected = Object.keys(KINDS).map((kind) => `<${kind}`).join(", ");
    throw damaged("an array", { expected, got: `${descr[1]}${descr[2]}` });
  }
  const shape = sides.split(",").map((side) => side.trim()).filter((side) => side !== "").map(Number);
  if (shape.length > DIMENSIONS || !shape.every(Number.isSafeInteger)) {
    throw damaged("an array", { expected: `up to ${DIMENSIONS} sides`, got: `${shape.length}` });
  }
  return { kind: descr[2] as NumpyKind, shape, fortran: order === "True", first: start + length };
}

/** Where the number of a place in C order lies in an array whose first side runs fastest. */
function columnMajor(shape: readonly number[]): (place: number) => number {
  const strides: number[] = [];
  shape.reduce((stride, side, i) => (strides[i] = stride) * side, 1);
  return (place) => {
    let at = 0;
    for (let i = shape.length - 1; i >= 0; i--) {
      at += (place % shape[i]) * strides[i];
      place = Math.floor(place / shape[i]);
    }
    return at;
  };
}
