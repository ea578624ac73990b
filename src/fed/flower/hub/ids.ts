/** Flower's ids of runs and nodes. */

/** An id that follows from a random text or a digest in hex, of 16 digits at least: never 0, which stands for none. */
export const idOf = (hex: string): bigint => BigInt.asUintN(62, BigInt(`0x${hex.slice(0, 16)}`)) + 1n;
