/**
 * Whom a run went without. Training on a subset in silence is the worst failure in this field, so the result says it
 * first.
 */
import type { Run } from "./run.ts";

/**
 * By invited silo the rounds that closed without its update, silos that never joined included; R + 1, after R rounds,
 * stands for the closing phase. Silos that were there all along have no entry.
 * @param unheard Silos that did not do their part in the closing phase.
 */
export function missingRounds(run: Run, unheard: readonly string[]): Record<string, number[]> {
  const counted = run.state.countedSilos();
  const missing: Record<string, number[]> = {};
  for (const silo of run.proposal.silos) {
    const rounds: number[] = [];
    for (let round = 1; round <= run.rounds; round++) {
      if (!counted.get(round)?.includes(silo)) rounds.push(round);
    }
    if (unheard.includes(silo)) rounds.push(run.rounds + 1);
    if (rounds.length > 0) missing[silo] = rounds;
  }
  return missing;
}
