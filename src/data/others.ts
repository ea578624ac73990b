/**
 * `others.bits`: the findings behind bit 14 of a film's label, by name.
 *
 * A film has ceil(M / 8) bytes, M = names in the manifest's `unknownFindings`; bit k, the lowest of a byte first, is the
 * k-th of them. The file is absent where M is 0, and in a shard of an older fedx, which tells that a film has one of them
 * and not which.
 */
import { spelling } from "../spelling.ts";

/** The file's name. */
export const OTHERS = "others.bits";

/** Bytes of a film. */
export function othersStride(names: readonly string[]): number {
  return Math.ceil(names.length / 8);
}

/**
 * A film's bits.
 *
 * @param spelled all names, each in one spelling: that of a whole table's for every film would take longer than all else
 * @throws {RangeError} for a finding that is not among them
 */
export function packOthers(
  findings: readonly string[],
  spelled: readonly string[],
): Uint8Array<ArrayBuffer> {
  const bits = new Uint8Array(othersStride(spelled));
  for (const finding of findings) {
    const at = spelled.indexOf(spelling(finding));
    if (at < 0) {
      throw new RangeError(`Cannot store a finding: expected one of ${spelled.length} names, got another`);
    }
    bits[at >> 3] |= 1 << (at & 7);
  }
  return bits;
}

/** The findings that a film's bits stand for. */
export function unpackOthers(bits: Uint8Array, names: readonly string[]): string[] {
  return names.filter((_, at) => bits[at >> 3] >> (at & 7) & 1);
}
