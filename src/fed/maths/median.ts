/**
 * The middle one of the values in order, of an even number the lower of the middle two: a stop of the machine in a few
 * of them changes nothing.
 *
 * @param values one at least
 */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[(values.length - 1) >> 1];
}
