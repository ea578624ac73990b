/** Age, sex and view as tables write them. What cannot be read is unknown: no film is left out for it. */

import { type FilmFacts, OLDEST } from "../film_facts.ts";

/** Ages above this one are slips of the pen, such as NIH's 411: unknown. */
const HIGHEST = 120;

/** How many of a unit make a year. */
const PER_YEAR = { Y: 1, M: 12, W: 52, D: 365 } as const;

/** The facts that cells tell; undefined when they tell none. */
export function factsOf(cells: { age?: string; sex?: string; view?: string }): FilmFacts | undefined {
  const age = ageOf(cells.age ?? ""), sex = sexOf(cells.sex ?? ""), view = viewOf(cells.view ?? "");
  const facts: FilmFacts = {
    ...age !== undefined && { age },
    ...sex !== undefined && { sex },
    ...(view === "PA" || view === "AP") && { view },
  };
  return Object.keys(facts).length > 0 ? facts : undefined;
}

/** Whole years of `58`, `58.0`, `058Y` or, as DICOM has it, `010M`, `006W`, `003D`; at most {@linkcode OLDEST}. */
function ageOf(text: string): number | undefined {
  const match = /^(\d{1,3})(?:\.\d+)?([YMWD]?)$/i.exec(text);
  if (match === null) return undefined;
  const unit = (match[2].toUpperCase() || "Y") as keyof typeof PER_YEAR;
  const years = Math.floor(Number(match[1]) / PER_YEAR[unit]);
  return years > HIGHEST ? undefined : Math.min(years, OLDEST);
}

function sexOf(text: string): FilmFacts["sex"] {
  if (/^f(emale)?$/i.test(text)) return "female";
  return /^m(ale)?$/i.test(text) ? "male" : undefined;
}

/** The rule that leaves a film out where the table names every view; undefined for a frontal one. */
export function viewRule(text: string): "lateral_view" | "other_view" | undefined {
  const view = viewOf(text);
  return view === "lateral" ? "lateral_view" : view === undefined ? "other_view" : undefined;
}

/** The view that a cell names; undefined for another one, or none. */
export function viewOf(text: string): "PA" | "AP" | "lateral" | undefined {
  if (/^pa$/i.test(text)) return "PA";
  if (/^ap$/i.test(text)) return "AP";
  return /^(l|ll|rl|lat)$|\blateral\b/i.test(text) ? "lateral" : undefined;
}
