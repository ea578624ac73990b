/** What a silo may claim of itself. */

/** Most images of a silo's split: those of 1,024 silos, the most that a run has, are what `scaleFor` takes. */
export const MOST_IMAGES = 2 ** 22;

/** Steps per second that a silo may claim. */
export const SPEEDS = { lowest: 1e-3, highest: 1e6 } as const;
