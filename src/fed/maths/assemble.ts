/**
 * Writes WebAssembly modules of a few loops over lanes of 128 bits: the binary format of the WebAssembly 2.0
 * specification, chapter 5, as far as `lanes.ts` needs it.
 *
 * Why: V8 has no vector arithmetic for JavaScript, and its compiler makes none of a loop. Four loops do not merit a
 * compiler of C among what has to be installed.
 */

/** Types of values by their codes. */
export const TYPE = { i32: 0x7f, f64: 0x7c, v128: 0x7b } as const;
type Type = typeof TYPE[keyof typeof TYPE];

/** A function, exported by its name. Its parameters are its first locals. */
export interface Loop {
  name: string;
  params: Type[];
  result?: Type;
  locals: Type[];
  /** Instructions; what is left on the stack at the end is the result. */
  body: number[];
}

const lane = (code: number) => [0xfd, ...unsigned(code)];
/** Instructions without operands of their own. */
export const OP = {
  add: [0x6a],
  shiftLeft: [0x74],
  lessThan: [0x48],
  splatI32: lane(0x11),
  splatF64: lane(0x14),
  and: lane(0x4e),
  or: lane(0x50),
  narrow: lane(0x5e),
  widen: lane(0x5f),
  nearest: lane(0x94),
  signs: lane(0xa4),
  subtractI32: lane(0xb1),
  subtractF32: lane(0xe5),
  addF64: lane(0xf0),
  multiplyF64: lane(0xf2),
  divideF64: lane(0xf3),
} as const;

export const get = (local: number) => [0x20, local];
export const set = (local: number) => [0x21, local];
/** A number 0 … 63. */
export const small = (value: number) => [0x41, value];
/** The same 32 bits in each lane. */
export const lanes = (bits: number) => [...lane(0x0c), ...[0, 1, 2, 3].flatMap(() => littleEndian(bits))];
/** Sixteen bytes at the address on the stack, plus an offset. */
export const load = (offset: number) => [...lane(0x00), 0, ...unsigned(offset)];
export const store = (offset: number) => [...lane(0x0b), 0, ...unsigned(offset)];
/** Eight bytes: the lower half of a vector. */
export const loadHalf = (offset: number) => [...lane(0x5d), 0, ...unsigned(offset)];
export const storeHalf = (offset: number) => [...lane(0x5b), 0, ...unsigned(offset), 0];

/** Repeats instructions for as long as what they leave on the stack is not 0. */
export const repeat = (body: number[]) => [0x03, 0x40, ...body, 0x0d, 0, 0x0b];

/** A module of these functions with a memory of so many pages of 64 KiB, exported as `memory`. */
export function assemble(loops: readonly Loop[], pages: number): Uint8Array<ArrayBuffer> {
  const types = loops.map(({ params, result }) => [0x60, ...list(params), ...list(result ? [result] : [])]);
  const exported = loops.map(({ name }, index) => [...text(name), 0, index]);
  const code = loops.map(({ locals, body }) => {
    const all = [...vector(locals.map((type) => [1, type])), ...body, 0x0b];
    return [...unsigned(all.length), ...all];
  });
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, vector(types)),
    ...section(3, vector(loops.map((_, index) => [index]))),
    ...section(5, vector([[1, pages, pages]])),
    ...section(7, vector([...exported, [...text("memory"), 2, 0]])),
    ...section(10, vector(code)),
  ]);
}

/** LEB128. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [value & 0x7f | 0x80, ...unsigned(value >>> 7)];
}

function littleEndian(bits: number): number[] {
  return [bits & 0xff, bits >>> 8 & 0xff, bits >>> 16 & 0xff, bits >>> 24];
}

function section(id: number, content: number[]): number[] {
  return [id, ...unsigned(content.length), ...content];
}

function vector(items: number[][]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}

function list(items: number[]): number[] {
  return vector(items.map((item) => [item]));
}

function text(value: string): number[] {
  return list([...new TextEncoder().encode(value)]);
}
