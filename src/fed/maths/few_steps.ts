/** Rounds of so few steps that the operator is told: each begins with fresh optimizer moments, which take steps to fill. */

/** Fewest steps of a round that nobody is told of. */
const FEW = 20;

/**
 * What is to be said of a silo's rounds, null for nothing. It is reckoned by passes, so that it holds for all rounds.
 * @param who such as “ at b”
 */
export function fewSteps(
  who: string,
  { train, batch, localEpochs }: { train: number; batch: number; localEpochs: number },
): string | null {
  const steps = localEpochs * train / batch;
  if (steps >= FEW) return null;
  return `about ${
    Number(steps.toPrecision(2))
  } steps a round${who}, fewer than ${FEW}: more --local-epochs or a ` +
    "smaller --batch gives more";
}
