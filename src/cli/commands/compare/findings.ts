// Why: the deck told what its team found in one run each; here the same is asked with intervals.
import type { Row } from "./rows.ts";
import { between, type Difference, type Judged, runsOf } from "./figures.ts";
import { deckWays, type Training, type Way } from "./plan.ts";

/** Something that the deck says, and whether it holds here. */
export interface Finding extends Difference {
  finding: string;
  /** `open`: the interval has 0 in it. */
  holds: "yes" | "no" | "open";
}

/** What the deck says: that the one way is better than the other. */
const CLAIMS: readonly { finding: string; better: Partial<Way>; worse: Partial<Way> }[] = [
  {
    finding: "ten rounds of one pass are better than five passes in one round",
    better: { passes: 10, localEpochs: 1 },
    worse: { passes: 5, localEpochs: 5 },
  },
  {
    finding: "five rounds of one pass are better than five passes in one round",
    better: { passes: 5, localEpochs: 1 },
    worse: { passes: 5, localEpochs: 5 },
  },
  {
    finding: "a short job in rounds of less than a pass is better than five passes in one round",
    better: { passes: 3, localEpochs: 0.75 },
    worse: { passes: 5, localEpochs: 5 },
  },
  {
    finding: "ten rounds of one pass are better than a short job",
    better: { passes: 10, localEpochs: 1 },
    worse: { passes: 3, localEpochs: 0.75 },
  },
  {
    finding: "EfficientNet-B0 is better than ResNet-18, both from random weights",
    better: { passes: 5, init: "random", network: "efficientnet_b0" },
    worse: { passes: 5, network: "resnet18" },
  },
  {
    finding: "EfficientNet-B0 is better than DenseNet-121, both from random weights",
    better: { passes: 5, init: "random", network: "efficientnet_b0" },
    worse: { passes: 5, network: "densenet121" },
  },
];

/** The deck's claims with what the federated trainings of `plan` say of them; of those that have no rows, nothing. */
export function deckFindings(
  plan: readonly Training[],
  rows: ReadonlyMap<string, Row>,
  judged: Judged,
): Finding[] {
  const [size] = judged.pools.keys();
  const ways = deckWays(size);
  const runs = (wanted: Partial<Way>) => {
    // Of the ways that agree, the plainest: the first that replaces no number of the preset.
    const way = ways.find((one) =>
      Object.entries({ init: wanted.network === undefined ? "imagenet" : "random", ...wanted, size })
        .every(([name, value]) => one[name as keyof Way] === value) &&
      one.batch === undefined && one.lr === undefined
    );
    return runsOf(
      rows,
      plan.filter((one) =>
        one.method === "federated" &&
        Object.entries(way ?? {}).every(([name, value]) => one[name as keyof Way] === value) &&
        one.batch === way?.batch && one.lr === way?.lr
      ),
    );
  };
  return CLAIMS.flatMap(({ finding, better, worse }) => {
    const found = between(runs(better), [runs(worse)], judged);
    if (found === null) return [];
    const { ci95 } = found;
    const holds = ci95 === null
      ? "open" as const
      : ci95[0] > 0
      ? "yes" as const
      : ci95[1] < 0
      ? "no" as const
      : "open" as const;
    return [{ finding, ...found, holds }];
  });
}
