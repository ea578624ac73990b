/**
 * The transfer encodings of an update: their numbers on the wire, how long one is, and how its bytes become values. All
 * are little-endian.
 */
import * as v from "valibot";
import { ProtocolError } from "./errors.ts";

/** The difference of the trained weights from the round's base, f32. */
export const F32_DELTA = 1;
/** n · Δ in fixed point with the masks of a roster added, 64-bit integers modulo 2^64. */
export const MASKED = 2;
export const EncodingSchema = v.picklist([F32_DELTA, MASKED]);
export type Encoding = v.InferOutput<typeof EncodingSchema>;

const BYTES = { [F32_DELTA]: 4, [MASKED]: 8 } as const;

/** Bytes of an update of `values` values. @default encoding F32_DELTA */
export function encodedBytes(values: number, encoding: Encoding = F32_DELTA): number {
  return values * BYTES[encoding];
}

/**
 * The values in a stretch of an unmasked update's bytes.
 *
 * @param offset where the bytes lie in the update
 * @returns a view of them, or of a copy where they are not aligned, and the index of the first value
 * @throws ProtocolError `bad_frame` where the bytes begin or end inside a value
 */
export function decodeValues(
  bytes: Uint8Array,
  offset: number,
): { first: number; values: Float32Array } {
  checkWhole(bytes, offset, F32_DELTA);
  const aligned = bytes.byteOffset % BYTES[F32_DELTA] === 0 ? bytes : bytes.slice();
  const values = new Float32Array(aligned.buffer, aligned.byteOffset, aligned.length / BYTES[F32_DELTA]);
  return { first: offset / BYTES[F32_DELTA], values };
}

/** @throws ProtocolError `bad_frame` where a stretch begins or ends inside a value */
export function checkWhole(bytes: Uint8Array, offset: number, encoding: Encoding): void {
  const size = BYTES[encoding];
  if (offset % size === 0 && bytes.length % size === 0) return;
  throw new ProtocolError("bad_frame", {
    expected: `whole values of ${size} bytes`,
    got: `${bytes.length} bytes at ${offset}`,
  });
}
