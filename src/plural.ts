/**
 * A count with its noun: `1 round`, `2 rounds`.
 *
 * @param many the noun for every other count than 1 @default `one` with an s
 */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
