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
