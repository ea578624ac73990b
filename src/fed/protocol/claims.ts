/** The largest and smallest numbers that the aggregator believes of a silo that tells of itself. */

/** Most images in a silo's split. A run has 1,024 silos at most, and `scaleFor` takes the images of all of them. */
export const MOST_IMAGES = 2 ** 22;

/** Steps per second that a silo may claim. */
export const SPEEDS = { lowest: 1e-3, highest: 1e6 } as const;
