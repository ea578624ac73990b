/** Age, sex and view as tables write them. What cannot be read is unknown: no film is left out for it. */

import { ageOf, type FilmFacts, sexOf } from "../film_facts.ts";

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
