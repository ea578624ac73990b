/**
 * The middle one of the values in order: a stop of the machine in a few of them changes nothing.
 *
 * @param values one at least
 * @param options.of which of the middle two an even number of values gives @default "lower"
 */
export function median(values: readonly number[], options: { of?: "lower" | "upper" } = {}): number {
  const upper = options.of === "upper" ? 0 : 1;
  return values.toSorted((a, b) => a - b)[(values.length - upper) >> 1];
}
