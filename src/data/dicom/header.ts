/** What a film's header tells beside its pixels, and the rules by which it is a frontal film at all. */

import { ageOf, type FilmFacts, sexOf, wholeYears } from "../film_facts.ts";
import { DataError } from "../quarantine.ts";
import type { Dataset } from "./dataset.ts";

/** Computed and digital radiography. */
const MODALITIES = ["CR", "DX"];

/** Who and what a film is, in the hospital's own words. It stays there. */
export interface FilmHeader {
  sopInstanceUid: string;
  patientId: string;
  accessionNumber: string;
  /** CR or DX. */
  modality: string;
  facts: FilmFacts;
  /** Set where the view is told by a description alone, which is free text. */
  describedView: boolean;
}

/** Reads all that a film is found by. */
export function filmHeader(set: Dataset): FilmHeader {
  const { view, described } = viewOf(set);
  const age = ageOf(set.first("x00101010")) ?? ageByDates(set), sex = sexOf(set.first("x00100040"));
  return {
    sopInstanceUid: set.first("x00080018"),
    patientId: set.text("x00100020"),
    accessionNumber: set.text("x00080050"),
    modality: modalityOf(set),
    facts: {
      ...age !== undefined && { age },
      ...sex !== undefined && { sex },
      ...view === "PA" || view === "AP" ? { view } : {},
    },
    describedView: described,
  };
}

/** @throws {DataError} `other_modality`, `for_processing` or `lateral_view` */
export function checkFilm(set: Dataset): void {
  const modality = modalityOf(set);
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

const modalityOf = (set: Dataset) => set.first("x00080060").toUpperCase();

/** A frontal view, or one from the side. */
type View = FilmFacts["view"] | "lateral";

/** From ViewPosition, else from ViewCodeSequence, else from the words of SeriesDescription. */
function viewOf(set: Dataset): { view?: View; described: boolean } {
  const position = set.first("x00185101"), [code] = set.items("x00540220");
  if (position !== "") return { view: viewNamed(position), described: false };
  const coded = code && viewNamed(code.text("x00080104"));
  if (coded !== undefined) return { view: coded, described: false };
  const view = viewNamed(set.text("x0008103e"));
  return { view, described: view !== undefined };
}

/** Words for a view from the side: PS3.3 C.8.11.5.1.1, and what devices and radiographers write. */
const LATERAL = /^(LL|RL|LLO|RLO|LAT|LATERAL|LATERALE|LATERALIS|SEITLICH|PROFIL|PERFIL)$/;

/** The view that a text names, such as `PA`, `AP_ERECT`, `postero-anterior` or `Thorax a.p. liegend`. */
function viewNamed(text: string): View | undefined {
  const words = text.toUpperCase().replaceAll(/(?<!\p{L})([AP])\. ?([AP])(?!\p{L})/gu, "$1$2")
    .split(/[^\p{L}]+/u);
  if (words.some((word) => LATERAL.test(word))) return "lateral";
  for (const [view, from] of [["PA", "POSTERO"], ["AP", "ANTERO"]] as const) {
    if (words.some((word) => word === view || word.startsWith(from))) return view;
  }
}

/** By the dates of birth and of the study. */
function ageByDates(set: Dataset): number | undefined {
  const [birth, study] = (["x00100030", "x00080020"] as const).map((tag) =>
    /^\d{8}$/.exec(set.first(tag))?.[0]
  );
  // Dates as yyyymmdd: the difference of two such numbers has the whole years in front.
  return birth !== undefined && study !== undefined
    ? wholeYears((Number(study) - Number(birth)) / 10_000)
    : undefined;
}
