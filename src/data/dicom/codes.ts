/**
 * The words of uncompressed pixels become codes, each the bits of one stored value.
 *
 * Why views where they can be: a film has millions of values, and each pass over them shows in what `prepare` does in a
 * second.
 */

import { Buffer } from "node:buffer";
import type { PixelShape } from "./pixel_shape.ts";

/** The bits of each value, without what else lies in its word, such as an overlay: 0 to 2^`bitsStored` - 1. */
export function codesOf(
  values: Uint8Array,
  { shape, littleEndian }: { shape: PixelShape; littleEndian: boolean },
): Uint8Array | Uint16Array {
  const { bitsAllocated, bitsStored, highBit } = shape;
  const words = bitsAllocated === 8 ? values : wordsOf(values, littleEndian);
  const shift = highBit + 1 - bitsStored, mask = 2 ** bitsStored - 1;
  if (shift === 0 && bitsStored === bitsAllocated) return words;
  const codes = bitsAllocated === 8 ? new Uint8Array(words.length) : new Uint16Array(words.length);
  for (let i = 0; i < codes.length; i++) codes[i] = words[i] >> shift & mask;
  return codes;
}

/** Words of bytes: a view where they lie as this machine has them (little endian, at even addresses), else a copy. */
function wordsOf(bytes: Uint8Array, littleEndian: boolean): Uint16Array {
  if (littleEndian && bytes.byteOffset % 2 === 0) {
    return new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2);
  }
  const copy = bytes.slice();
  if (!littleEndian) Buffer.from(copy.buffer).swap16();
  return new Uint16Array(copy.buffer);
}

/**
 * Takes what lies beyond the highest bit as the nearest value that does not, in place: a lossy coding whose frame has
 * more bits than the film makes such values at the edge of what is white, and their bits within the film's are black.
 *
 * @param values at an even address, little endian; of `bitsAllocated` bits, those of a signed shape extended
 */
export function saturated(values: Uint8Array, { bitsAllocated, highBit, signed }: PixelShape): Uint8Array {
  const words = [values.buffer, values.byteOffset, values.length / 2] as const;
  const samples = bitsAllocated === 8
    ? values
    : signed
    ? new Int16Array(...words)
    : new Uint16Array(...words);
  const most = 2 ** (highBit + Number(!signed)) - 1, least = signed ? -most - 1 : 0;
  for (let i = 0; i < samples.length; i++) samples[i] = Math.min(most, Math.max(least, samples[i]));
  return values;
}

/** How many values have each code. */
export function countsOf(codes: Uint8Array | Uint16Array, length: number): Uint32Array {
  const counts = new Uint32Array(length);
  for (let i = 0; i < codes.length; i++) counts[codes[i]]++;
  return counts;
}
