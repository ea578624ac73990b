/** `facts.u8` of a shard: age, sex and view, {@linkcode FACTS_BYTES} bytes a film. */

import { type FilmFacts, OLDEST } from "./film_facts.ts";

/** Bytes a film: age in years (255 unknown), sex and view (0 unknown, else one more than the place in their list). */
export const FACTS_BYTES = 3;

const UNKNOWN_AGE = 255;
const SEXES = ["female", "male"] as const;
const VIEWS = ["PA", "AP"] as const;

/** @throws {RangeError} for an age that is not whole or not from 0 to {@linkcode OLDEST} */
export function encodeFacts({ age = UNKNOWN_AGE, sex, view }: FilmFacts): Uint8Array<ArrayBuffer> {
  const fits = Number.isInteger(age) && age >= 0 && (age <= OLDEST || age === UNKNOWN_AGE);
  if (!fits) {
    throw new RangeError(`Cannot store an age: expected whole years from 0 to ${OLDEST}, got another number`);
  }
  return Uint8Array.of(age, sex ? SEXES.indexOf(sex) + 1 : 0, view ? VIEWS.indexOf(view) + 1 : 0);
}

/** What the file tells of row `row`; unknown fields are left out. */
export function decodeFacts(bytes: Uint8Array, row: number): FilmFacts {
  const [age, sex, view] = bytes.subarray(row * FACTS_BYTES, (row + 1) * FACTS_BYTES);
  return {
    ...age !== UNKNOWN_AGE && { age },
    ...sex > 0 && { sex: SEXES[sex - 1] },
    ...view > 0 && { view: VIEWS[view - 1] },
  };
}

/** The first row with a byte that stands for nothing, or undefined. */
export function impossibleFacts(bytes: Uint8Array): number | undefined {
  for (let at = 0; at < bytes.length; at += FACTS_BYTES) {
    const fits = (bytes[at] <= OLDEST || bytes[at] === UNKNOWN_AGE) && bytes[at + 1] <= SEXES.length &&
      bytes[at + 2] <= VIEWS.length;
    if (!fits) return at / FACTS_BYTES;
  }
  return undefined;
}
