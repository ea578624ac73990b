/** Shards of any films, for properties of the format. */
import fc from "fast-check";
import type { FilmFacts } from "../../src/data/film_facts.ts";
import { type ShardRow, SPLITS } from "../../src/data/shard.ts";

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

/** Films of a few patients, each in one split, in any order. */
export const rows: fc.Arbitrary<ShardRow[]> = fc.uniqueArray(patientId, { minLength: 1, maxLength: 8 }).chain(
  (patients) => {
    const film = fc.record({
      seed: fc.nat(),
      label: fc.integer({ min: 0, max: 0x7fff }),
      patient: fc.nat(patients.length - 1),
      facts,
    });
    return fc.array(film, { minLength: 1, maxLength: 24 }).map((films) =>
      films.map(({ seed, label, patient, facts }, i) => ({
        pixels: Uint8Array.from({ length: SIDE * SIDE }, (_, at) => Math.imul(seed + i, 31 + at) >>> 24),
        label,
        patient: patients[patient],
        split: SPLITS[patient % SPLITS.length],
        name: `film ${i} of ${seed}.png`,
        facts,
      }))
    );
  },
);
