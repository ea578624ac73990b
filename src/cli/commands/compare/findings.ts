// Why: the deck told what its team found in one run each; here the same is asked with intervals.
import { between, type Difference, type Judged, runsOf } from "./figures.ts";
import { byWay, type DeckName, deckWay, type Training, wayKey } from "./plan.ts";
import type { Row } from "./rows.ts";

/** Something that the deck says, and whether it holds here. */
export interface Finding extends Difference {
  finding: string;
  /** `open`: the interval has 0 in it. */
  holds: "yes" | "no" | "open";
}

/** What the deck says: that the one way is better than the other. */
const CLAIMS: readonly (readonly [finding: string, better: DeckName, worse: DeckName])[] = [
  ["ten rounds of one pass are better than five passes in one round", "often", "once"],
  ["five rounds of one pass are better than five passes in one round", "equal", "once"],
  ["a short job in rounds of less than a pass is better than five passes in one round", "job", "once"],
  ["ten rounds of one pass are better than a short job", "often", "job"],
  ["EfficientNet-B0 is better than ResNet-18, both from random weights", "EfficientNet-B0", "ResNet-18"],
  [
    "EfficientNet-B0 is better than DenseNet-121, both from random weights",
    "EfficientNet-B0",
    "DenseNet-121",
  ],
];

/** The deck's claims with what the federated trainings of `plan` say of them; of those that have no rows, nothing. */
export function deckFindings(
  plan: readonly Training[],
  rows: ReadonlyMap<string, Row>,
  judged: Judged,
): Finding[] {
  const [size] = judged.pools.keys();
  const ways = byWay(plan.filter(({ method }) => method === "federated"));
  const runs = (name: DeckName) => runsOf(rows, ways.get(wayKey(deckWay(name, size))) ?? [], judged);
  return CLAIMS.flatMap(([finding, better, worse]) => {
    const found = between(runs(better), [runs(worse)]);
    return found === null ? [] : [{ finding, ...found, holds: holds(found) }];
  });
}

function holds({ ci95 }: Difference): Finding["holds"] {
  if (ci95 === null || (ci95[0] <= 0 && ci95[1] >= 0)) return "open";
  return ci95[0] > 0 ? "yes" : "no";
}
