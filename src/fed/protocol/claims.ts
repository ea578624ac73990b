/** The largest and smallest numbers of a run, and those that the aggregator believes of a silo that tells of itself. */

/** Most silos of a run. */
export const MOST_SILOS = 1024;

/** Most images in a silo's split: `scaleFor` takes the images of all silos. */
export const MOST_IMAGES = 2 ** 22;

/** Steps per second that a silo may claim. */
export const SPEEDS = { lowest: 1e-3, highest: 1e6 } as const;
