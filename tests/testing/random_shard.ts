/** Shards of any films, for properties of the format. */
import fc from "fast-check";
import type { FilmFacts } from "../../src/data/film_facts.ts";
import { OTHER } from "../../src/data/findings.ts";
import { SPLITS } from "../../src/data/shard.ts";
import type { ShardRow } from "../../src/data/shard_writer.ts";

/** Height and width of the films, pixels. */
export const SIDE = 8;

const age = fc.option(fc.integer({ min: 0, max: 89 }), { nil: undefined });
const word = <T extends string>(...words: T[]) => fc.option(fc.constantFrom(...words), { nil: undefined });

/** What may be known of a film; fields that are unknown are left out. */
export const facts: fc.Arbitrary<FilmFacts> = fc.record({
  age,
  sex: word("female", "male"),
  view: word("PA", "AP"),
}).map((all) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)));

/** An id of a hospital: any text that a cell of its table may hold. */
export const patientId = fc.string({ minLength: 1, maxLength: 12, unit: "binary" }).filter((id) =>
  id.trim() === id && !/[\n\r\0]/.test(id) && id.isWellFormed()
);

/** Findings that are not NIH's: nine, so that a film has two bytes of them. */
const OTHERS = Array.from({ length: 9 }, (_, i) => `Finding ${i}`);

/** Those of some films, as the shard lists them. */
export function unknownFindings(films: readonly ShardRow[]): string[] {
  return [...new Set(films.flatMap(({ others = [] }) => others))];
}

/** Films of a few patients, each in one split, in any order. */
export const rows: fc.Arbitrary<ShardRow[]> = fc.uniqueArray(patientId, { minLength: 1, maxLength: 8 }).chain(
  (patients) => {
    const film = fc.record({
      seed: fc.nat(),
      label: fc.integer({ min: 0, max: OTHER - 1 }),
      others: fc.subarray(OTHERS, { maxLength: 2 }),
      patient: fc.nat(patients.length - 1),
      facts,
    });
    return fc.array(film, { minLength: 1, maxLength: 24 }).map((films) =>
      films.map(({ seed, label, others, patient, facts }, i) => ({
        pixels: Uint8Array.from({ length: SIDE * SIDE }, (_, at) => Math.imul(seed + i, 31 + at) >>> 24),
        label: others.length > 0 ? label | OTHER : label,
        others,
        patient: patients[patient],
        split: SPLITS[patient % SPLITS.length],
        name: `film ${i} of ${seed}.png`,
        facts,
      }))
    );
  },
);
