import { Shard } from "../../../data/shard.ts";
import { rocCurve, siteOnly } from "../../../model/metrics/metrics.ts";
import type { DemoHospitals } from "./hospitals.ts";
import { pooledScore, type Score, type Scored, scoreOf, Scorer, stratifiedScore } from "../../score.ts";

/** Exact figures on every hospital's test films. */
export interface Measured {
  test: {
    stratified: number | null;
    ci95: [number, number] | null;
    pooled: Score;
    site_only: number;
    local_stratified: number | null;
    local_ci95: [number, number] | null;
  };
  /** The federated model at each hospital. */
  silos: Record<string, Score>;
  /** Each hospital's own model at home. */
  local: Record<string, Score>;
  /** For drawing. */
  roc: Record<string, { fpr: number[]; tpr: number[] }>;
}

/** Scores the federated model everywhere, and each hospital's own model at home. */
export async function measure(
  options: { federated: string; local: Record<string, string>; hospitals: DemoHospitals },
): Promise<Measured> {
  const { shards } = options.hospitals;
  const everywhere = await scoreTest(options.federated, shards);
  const home: Record<string, Scored> = {};
  for (const [silo, model] of Object.entries(options.local)) {
    Object.assign(home, await scoreTest(model, { [silo]: shards[silo] }));
  }
  const silos = mapValues(everywhere, scoreOf);
  const local = mapValues(home, scoreOf);
  const headline = stratifiedScore(Object.values(silos));
  const alone = stratifiedScore(Object.values(local));
  return {
    test: {
      stratified: headline.auroc,
      ci95: headline.ci95,
      pooled: pooledScore(Object.values(everywhere)),
      site_only: siteOnly(
        Object.values(silos).map(({ positives, images }) => ({ positives, negatives: images - positives })),
      ),
      local_stratified: alone.auroc,
      local_ci95: alone.ci95,
    },
    silos,
    local,
    roc: mapValues(everywhere, ({ logits, labels }) => rocCurve(logits, labels)),
  };
}

async function scoreTest(model: string, shards: Record<string, string>): Promise<Record<string, Scored>> {
  using scorer = await Scorer.open(model, { engine: "libtorch", device: "auto", threads: undefined });
  const scored: Record<string, Scored> = {};
  for (const [silo, dir] of Object.entries(shards)) {
    const shard = await Shard.open(dir, { verify: true });
    using loaded = await scorer.load(shard, silo);
    scored[silo] = await loaded.score(shard.rows("test"));
  }
  return scored;
}

function mapValues<A, B>(record: Record<string, A>, change: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
