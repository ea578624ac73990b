import { poolOf } from "../../../data/pool.ts";
import { Shard } from "../../../data/shard.ts";
import { evaluate, type Evaluation, stratifiedEvaluation } from "../../../model/metrics/evaluation.ts";
import { rocCurve, siteOnly } from "../../../model/metrics/metrics.ts";
import type { Predictions } from "../../../model/predictions.ts";
import type { LocalResult } from "../../../fed/training/result.ts";
import { LoadedPool } from "../../../model/predictor.ts";
import { loadModel } from "../../../model/weights/model_file.ts";
import type { DemoHospitals } from "./hospitals.ts";
import { type EngineChoice, openPredictor } from "../../options/predictor.ts";

/** Where to compute, and on how many threads. */
type Computing = Pick<EngineChoice, "device" | "threads">;
/** The path of a model. */
type ModelFile = Pick<LocalResult, "model">;

/** Exact figures on every hospital's test films. */
export interface Measured {
  test: {
    stratified: number | null;
    ci95: [number, number] | null;
    pooled: Evaluation;
    site_only: number;
    local_stratified: number | null;
    local_ci95: [number, number] | null;
  };
  /** The federated model at each hospital. */
  silos: Record<string, Evaluation>;
  /** Each hospital's own model at home. */
  local: Record<string, Evaluation>;
  /** For drawing. */
  roc: Record<string, { fpr: number[]; tpr: number[] }>;
}

/** Scores the federated model everywhere, and each hospital's own model at home. */
export async function measure(
  options: {
    federated: ModelFile;
    local: Record<string, ModelFile>;
    hospitals: DemoHospitals;
    computing: Computing;
  },
): Promise<Measured> {
  const { computing, hospitals: { shards } } = options;
  const everywhere = await predictTest(options.federated, { shards, computing });
  const home: Record<string, Predictions> = {};
  for (const [silo, model] of Object.entries(options.local)) {
    Object.assign(home, await predictTest(model, { shards: { [silo]: shards[silo] }, computing }));
  }
  const silos = mapValues(everywhere, (one) => evaluate(one));
  const local = mapValues(home, (one) => evaluate(one));
  const headline = stratifiedEvaluation(Object.values(silos));
  const alone = stratifiedEvaluation(Object.values(local));
  return {
    test: {
      stratified: headline.auroc,
      ci95: headline.ci95,
      pooled: evaluate(...Object.values(everywhere)),
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

async function predictTest(
  { model }: ModelFile,
  { shards, computing }: { shards: Record<string, string>; computing: Computing },
): Promise<Record<string, Predictions>> {
  const loadedModel = await loadModel(model);
  const { labelRule } = loadedModel.metadata;
  using predictor = await openPredictor(loadedModel, { engine: "libtorch", ...computing });
  const predictions: Record<string, Predictions> = {};
  for (const [silo, dir] of Object.entries(shards)) {
    const pool = poolOf([await Shard.open(dir, { verify: true })], { labelRule });
    using loaded = await LoadedPool.load(predictor, pool);
    predictions[silo] = await loaded.predict(predictor, pool.rows.test);
  }
  return predictions;
}

function mapValues<A, B>(record: Record<string, A>, change: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
