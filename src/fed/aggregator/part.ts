/**
 * A silo's part in a round: an update that counts or, where the round holds no step for it, what it says of its turn. Who
 * has done it is waited for no longer, is not missing, and goes on where the round's stretch ends.
 */
import type { Proposal, Registration, RoundSettings } from "../protocol/messages.ts";
import { stepsOf } from "../maths/stretch.ts";

/** What is committed, as far as it tells of parts. */
interface Rounds {
  proposal: Proposal | null;
  joined: Pick<ReadonlyMap<string, Registration>, "get">;
  rows: readonly { row: RoundSettings }[];
  counted(round: number): Pick<ReadonlyMap<string, unknown>, "has">;
  turns: Pick<ReadonlyMap<number, Readonly<Record<string, unknown>>>, "get">;
}

/** The steps that a round holds for a silo, null where it is not for it. */
export function stepsIn({ rows, joined, proposal }: Rounds, round: number, silo: string): number | null {
  const stretch = rows[round - 1]?.row.silos[silo];
  if (stretch === undefined) return null;
  const { splits: { train } } = joined.get(silo)!;
  return stepsOf(stretch, { train: train.images, batch: proposal!.recipe.batch }).steps;
}

/** Whether a silo has done its part in a round. */
export function hasPart(state: Rounds, round: number, silo: string): boolean {
  if (state.counted(round).has(silo)) return true;
  // Masks cancel in the sum of all alone: who has no step sends zeros that are masked.
  if (state.proposal!.masked !== null) return false;
  return state.turns.get(round)?.[silo] !== undefined && stepsIn(state, round, silo) === 0;
}

/** Who of a row's roster has done its part. */
export function present(state: Rounds, { round, roster }: RoundSettings): string[] {
  return roster.filter((silo) => hasPart(state, round, silo));
}
