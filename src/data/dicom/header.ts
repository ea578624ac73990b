/** What a film's header tells beside its pixels, and the rules by which it is a frontal film at all. */

import { type FilmFacts, OLDEST } from "../film_facts.ts";
import { DataError } from "../quarantine.ts";
import type { Dataset } from "./dataset.ts";

/** Computed and digital radiography. */
const MODALITIES = ["CR", "DX"];

/** Who and what a film is, in the hospital's own words. It stays there. */
export interface FilmHeader {
  sopInstanceUid: string;
  patientId: string;
  accessionNumber: string;
  facts: FilmFacts;
  /** Set where the view is told by a description alone, which is free text. */
  describedView: boolean;
}

/** Reads all that a film is found by. */
export function filmHeader(set: Dataset): FilmHeader {
  const { view, described } = viewOf(set);
  const age = ageOf(set), sex = SEXES[set.first("x00100040").toUpperCase()];
  return {
    sopInstanceUid: set.first("x00080018"),
    patientId: set.text("x00100020"),
    accessionNumber: set.text("x00080050"),
    facts: {
      ...age !== undefined && { age },
      ...sex !== undefined && { sex },
      ...view === "PA" || view === "AP" ? { view } : {},
    },
    describedView: described,
  };
}

const SEXES: Readonly<Record<string, FilmFacts["sex"]>> = { F: "female", M: "male" };

/** @throws {DataError} `other_modality`, `for_processing` or `lateral_view` */
export function checkFilm(set: Dataset): void {
  const modality = set.first("x00080060");
  if (!MODALITIES.includes(modality)) {
    const got = modality.replaceAll(/[^A-Z0-9_ ]/g, "?").slice(0, 16) || "none";
    throw new DataError("other_modality", `expected modality ${MODALITIES.join(" or ")}, got ${got}`);
  }
  if (set.first("x00080068").toUpperCase() === "FOR PROCESSING") {
    throw new DataError(
      "for_processing",
      "an image for processing, whose values are not those that are shown",
    );
  }
  if (viewOf(set).view === "lateral") throw new DataError("lateral_view", "a lateral view");
}

/** From ViewPosition, else from the words of SeriesDescription. */
function viewOf(set: Dataset): { view?: "PA" | "AP" | "lateral"; described: boolean } {
  const position = set.first("x00185101").toUpperCase();
  if (position !== "") return { view: nameOf(position.split(/[\s_^-]+/)), described: false };
  const words = set.text("x0008103e").toUpperCase().split(/[^\p{L}]+/u);
  const view = nameOf(words);
  return { view, described: view !== undefined };
}

/** Views by the words that name them (PS3.3 C.8.11.5.1.1, and what devices write). */
function nameOf(words: readonly string[]): "PA" | "AP" | "lateral" | undefined {
  if (words.some((word) => /^(LL|RL|LLO|RLO|LAT|LATERAL|LATERALIS)$/.test(word))) return "lateral";
  if (words.includes("PA")) return "PA";
  return words.includes("AP") ? "AP" : undefined;
}

/** Whole years, from PatientAge, else from the dates of birth and of the study. */
function ageOf(set: Dataset): number | undefined {
  const [, count, unit] = /^(\d{1,3})([DWMY])$/.exec(set.first("x00101010").toUpperCase()) ?? [];
  if (unit !== undefined) return years(Number(count) / UNITS_A_YEAR[unit as keyof typeof UNITS_A_YEAR]);
  const [birth, study] = (["x00100030", "x00080020"] as const).map((tag) =>
    /^\d{8}$/.exec(set.first(tag))?.[0]
  );
  // Dates as yyyymmdd: the difference of two such numbers has the whole years in front.
  return birth !== undefined && study !== undefined
    ? years((Number(study) - Number(birth)) / 10_000)
    : undefined;
}

const UNITS_A_YEAR = { D: 365.25, W: 52.18, M: 12, Y: 1 } as const;

function years(age: number): number | undefined {
  return age >= 0 && age < 150 ? Math.min(OLDEST, Math.floor(age)) : undefined;
}
