/**
 * The rows of a run that is to be repeated.
 *
 * Why: with a budget the rows depend on how fast the silos were, so only their repetition, without a clock, shows that
 * a model is what its plan, data and builds make it.
 */
import type { Plan, RoundSettings } from "../protocol/messages.ts";

/** By silo the first round that goes without it, as the operator said. */
export type Without = Readonly<Record<string, number>>;

/** The closed rows of a run, oldest first, each with the silos that did their part. */
export interface Recording {
  plan: Plan;
  rows: { row: RoundSettings; counted: string[] }[];
  /** Whom the operator left out, and from which round on. */
  without: Without;
}

/**
 * The recorded row of `round` for this run, or null after the last. Only silos that did their part take part.
 * @param options.base digest of the model that this run has reached
 */
export function recordedRow(
  { rows }: Recording,
  options: { run: string; round: number; base: string },
): { row: RoundSettings; same: boolean } | null {
  const found = rows.find(({ row }) => row.round === options.round);
  if (found === undefined) return null;
  const { row, counted } = found;
  const silos = Object.fromEntries(counted.map((silo) => [silo, row.silos[silo]]));
  const { run, base } = options;
  return { row: { ...row, run, base, roster: counted, silos }, same: row.base === base };
}
