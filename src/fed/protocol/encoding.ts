/**
 * The transfer encodings of an update: their numbers on the wire, how long one is, and how its bytes become values.
 *
 * There is one today: the difference of the trained weights from the round's base as 32-bit floats, little-endian.
 */
import * as v from "valibot";
import { ProtocolError } from "./errors.ts";

/** f32 Δ. The number 2 is kept for masked 64-bit integers. */
export const F32_DELTA = 1;
export const EncodingSchema = v.literal(F32_DELTA);

const BYTES = Float32Array.BYTES_PER_ELEMENT;

/** Bytes of an update of `values` values. */
export function encodedBytes(values: number): number {
  return values * BYTES;
}

/**
 * The values in a stretch of an update's bytes.
 *
 * @param offset where the bytes lie in the update
 * @returns a view of them, or of a copy where they are not aligned, and the index of the first value
 * @throws ProtocolError `bad_frame` where the bytes begin or end inside a value
 */
export function decodeValues(
  bytes: Uint8Array,
  offset: number,
): { first: number; values: Float32Array } {
  if (offset % BYTES !== 0 || bytes.length % BYTES !== 0) {
    throw new ProtocolError("bad_frame", {
      expected: "whole f32 values",
      got: `${bytes.length} bytes at ${offset}`,
    });
  }
  const aligned = bytes.byteOffset % BYTES === 0 ? bytes : bytes.slice();
  const values = new Float32Array(aligned.buffer, aligned.byteOffset, aligned.length / BYTES);
  return { first: offset / BYTES, values };
}
