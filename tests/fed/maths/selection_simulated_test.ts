/** The rule of selection on whole runs whose true AUROC is known (bench/selection.ts has the table). */
import { assert, assertGreaterOrEqual } from "@std/assert";
import { select } from "../../../src/fed/maths/selection.ts";
import { normalInterval, stratified } from "../../../src/model/metrics/metrics.ts";
import { seeded } from "../../testing/random.ts";
import { FAMILIES, type SimulatedHistory, simulateHistory } from "../../testing/score_histories.ts";

const ROUNDS = [6, 12, 24];
const FEDERATIONS = [{ hospitals: 1, silent: 0 }, { hospitals: 3, silent: 0 }, { hospitals: 1, silent: 2 }];

/** Runs of one family, all sizes of `val` and of federations alike. */
function* histories(family: string): Iterable<SimulatedHistory> {
  const random = seeded(11);
  for (let run = 0; run < 126; run++) {
    const [rounds, federation] = [ROUNDS[run % 3], FEDERATIONS[Math.floor(run / 3) % 3]];
    for (const patients of [10, 30, 150]) {
      yield simulateHistory(family, random, { rounds, patients, ...federation });
    }
  }
}

function bestOf({ models }: SimulatedHistory): number {
  const areas = models.map(({ scores }) => stratified(Object.values(scores)).auroc);
  return areas[0] === null ? models.length - 1 : areas.indexOf(Math.max(...areas as number[]));
}

for (const family of Object.keys(FAMILIES)) {
  Deno.test(`select, on simulated runs whose AUROC ${family}: what it takes is as good as the better of best and last`, () => {
    const sum = { best: 0, last: 0, selected: 0 };
    let runs = 0;
    for (const history of histories(family)) {
      const { models, roster, truth } = history;
      const last = models.length - 1;
      const { round } = select(models, { roster, last });
      runs++;
      sum.best += truth[bestOf(history)];
      sum.last += truth[last];
      sum.selected += truth[round];
      if (round > 0) continue;
      const [start, end] = [models[0], models[last]].map(({ scores }) => stratified(Object.values(scores)));
      assert(
        normalInterval(end.auroc!, end.se)[0] <= start.auroc!,
        "the last one's interval is above the start",
      );
    }
    assertGreaterOrEqual(sum.selected / runs, Math.max(sum.best, sum.last) / runs - 0.002);
  });
}
