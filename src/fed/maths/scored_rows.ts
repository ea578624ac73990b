/**
 * Which rows have `val` scored. Short rounds do not score every model: that would cost more than it tells, so about one
 * model a pass is scored, the start first, and the last one when the rounds are over.
 */

/** Of so many rows one scores its base. @param localEpochs passes of a round */
export function scoredEvery(localEpochs: number): number {
  return Math.max(1, Math.floor(1 / localEpochs));
}

/** Whether the row of `round` has its base scored. The plan and the round alone say it, so every silo can check it. */
export function isScored(round: number, localEpochs: number): boolean {
  return (round - 1) % scoredEvery(localEpochs) === 0;
}
