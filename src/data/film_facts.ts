/** What is known of a film beside its pixels and findings: for a hospital's own subgroups. It never leaves the silo. */

/** Every field may be unknown. */
export interface FilmFacts {
  /** The patient's age in years, whole, 0 to {@linkcode OLDEST}; who is older counts as that. */
  age?: number;
  sex?: "female" | "male";
  /** Frontal views alone: laterals are no films of a shard. */
  view?: "PA" | "AP";
}

/** Ages above this one could name a patient. */
export const OLDEST = 89;

/** Ages above this one are slips of the pen, such as NIH's 411: unknown. */
const HIGHEST = 120;

/** How many of a unit make a year. */
const PER_YEAR = { Y: 1, M: 12, W: 52, D: 365 } as const;

/** Whole years of `58`, `58.0`, `058Y` or, as DICOM has it, `010M`, `006W`, `003D`; at most {@linkcode OLDEST}. */
export function ageOf(text: string): number | undefined {
  const match = /^(\d{1,3})(?:\.\d+)?([YMWD]?)$/i.exec(text);
  if (match === null) return undefined;
  const unit = (match[2].toUpperCase() || "Y") as keyof typeof PER_YEAR;
  return wholeYears(Number(match[1]) / PER_YEAR[unit]);
}

/** An age in whole years, at most {@linkcode OLDEST}; undefined for one that nobody has. */
export function wholeYears(years: number): number | undefined {
  const whole = Math.floor(years);
  return whole >= 0 && whole <= HIGHEST ? Math.min(whole, OLDEST) : undefined;
}

/** A sex by its word or letter; undefined for another one, or none. */
export function sexOf(text: string): FilmFacts["sex"] {
  if (/^f(emale)?$/i.test(text)) return "female";
  return /^m(ale)?$/i.test(text) ? "male" : undefined;
}
