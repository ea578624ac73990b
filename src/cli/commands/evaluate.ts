import { openShards, type Pool, poolOf } from "../../data/pool.ts";
import type { Split } from "../../data/shard.ts";
import { evaluate, type Evaluation, stratifiedEvaluation } from "../../model/metrics/evaluation.ts";
import { operatingPoint, ratesAt, rocCurve, siteOnly, thresholdAt } from "../../model/metrics/metrics.ts";
import { joined, type Predictions } from "../../model/predictions.ts";
import { LoadedPool } from "../../model/predictor.ts";
import { ANY_FINDING } from "../../label_rule.ts";
import { rocChart } from "../output/chart.ts";
import { ratesText, thresholdText } from "../output/decisions.ts";
import type { ModelMetadata } from "../../model/weights/model_file.ts";
import type { Context } from "../context.ts";
import type { evaluate as options } from "../options/table/evaluate.ts";
import { loadModelOf, openPredictor } from "../options/predictor.ts";
import { ruleLines } from "../output/label_rule.ts";
import { checkPlot, writePlot } from "../output/plot.ts";
import { interval, score, table } from "../output/table.ts";

/** Sensitivity and specificity on the scored films, at a threshold fixed on `val`. */
type Point = ReturnType<typeof operatingPoint>;

/** Scores a model on shards: exact AUROC per shard and pooled. */
export async function run({ values, output, signal }: Context<typeof options>): Promise<void> {
  if (values.plot) await checkPlot(values.plot, { flag: "--plot", force: values.force ?? false });
  const model = await loadModelOf(values.model, output);
  const { labelRule = ANY_FINDING } = model.metadata;
  using predictor = await openPredictor(model, values);
  const parts: Predictions[] = [];
  const validated: Predictions[] = [];
  for (const [index, shard] of (await openShards(values.shard, { signal })).entries()) {
    signal.throwIfAborted();
    output.progress("evaluate", index, values.shard.length);
    const pool = poolOf([shard], { labelRule });
    using loaded = await LoadedPool.load(predictor, pool);
    parts.push(await loaded.predict(predictor, rowsOf(pool, values.split), { signal }));
    if (values.split === "test") {
      validated.push(await loaded.predict(predictor, pool.rows.val, { signal }));
    }
  }
  output.progress("evaluate", values.shard.length, values.shard.length);
  const shards = parts.map((part, index) => ({ shard: values.shard[index], ...evaluate(part) }));
  const pooled = evaluate(...parts);
  const headline = stratifiedEvaluation(shards);
  const points = operatingPoints(validated, parts);
  const own = atThreshold(model.metadata.threshold, parts);
  const site = siteOnly(
    shards.map(({ positives, images }) => ({ positives, negatives: images - positives })),
  );
  const plot = values.plot ? drawn(parts, shards, values.split) : null;
  output.result(
    {
      ...pooled,
      label_rule: labelRule,
      stratified: headline.auroc,
      stratified_ci95: headline.ci95,
      site_only: Number.isNaN(site) ? null : site,
      split: values.split,
      shards,
      ...own && { at_threshold: own },
      ...points && { operating_points: points },
      ...plot && { plot: values.plot },
    },
    [
      table(["", "AUROC", "95 % interval", "images", "with a finding"], [
        ...shards.map((s) => [s.shard, score(s.auroc), interval(s.ci95), `${s.images}`, `${s.positives}`]),
        ...shards.length === 1 ? [] : [
          ["stratified", score(headline.auroc), interval(headline.ci95), "", ""],
          ["pooled", score(pooled.auroc), interval(pooled.ci95), `${pooled.images}`, `${pooled.positives}`],
          ["site only (floor)", score(site), "", "", ""],
        ],
      ]),
      ...ruleLines(labelRule),
      ...own ? [`at the model's threshold, ${thresholdText(own.threshold)}:`, `  ${ratesText(own)}`] : [],
      ...points ? describe(points) : [],
    ].join("\n"),
  );
  if (!values.plot) return;
  if (plot !== null) await writePlot(values.plot, plot);
  output.line(plot === null ? NO_CURVE : `ROC curves: ${values.plot}`);
}

/** The rows of one split, or all. */
function rowsOf(pool: Pool, split: Split | "all"): Uint32Array {
  if (split === "all") return Uint32Array.from({ length: pool.count }, (_, row) => row);
  return pool.rows[split];
}

/** Decisions at the threshold that the model carries, on all scored films; absent where it carries none. */
function atThreshold(threshold: ModelMetadata["threshold"], parts: Predictions[]) {
  if (threshold === undefined) return undefined;
  const { logit } = threshold;
  const { logits: scores, ...films } = joined(parts);
  return { threshold: thresholdAt(logit), ...ratesAt({ scores, ...films }, logit) };
}

/** Pools `val` to fix the thresholds and applies them to the scored films; absent when either lacks a class. */
function operatingPoints(val: Predictions[], test: Predictions[]): Record<string, Point> | undefined {
  const [fixed, applied] = [val, test].map(joined).map(({ logits, labels }) => ({ scores: logits, labels }));
  const whole = (labels: Uint8Array) => labels.includes(0) && labels.includes(1);
  if (!whole(fixed.labels) || !whole(applied.labels)) return undefined;
  return {
    sensitivity_95: operatingPoint(fixed, applied, { sensitivity: 0.95 }),
    sensitivity_90: operatingPoint(fixed, applied, { sensitivity: 0.9 }),
    specificity_90: operatingPoint(fixed, applied, { specificity: 0.9 }),
  };
}

function describe(points: Record<string, Point>): string[] {
  return Object.entries(points).map(([name, point]) => {
    const [kind, percent] = name.split("_");
    return `threshold of ${percent} % ${kind} on val: sensitivity ${score(point.sensitivity)}, ` +
      `specificity ${score(point.specificity)}`;
  });
}

const NO_CURVE = "no ROC curve drawn: no shard has both films with a finding and without in this split";

/** The ROC curves of all shards that have both classes, null where none has. */
export function drawn(
  parts: readonly Pick<Predictions, "logits" | "labels">[],
  shards: readonly Pick<Evaluation & { shard: string }, "shard" | "auroc">[],
  split: Split | "all",
): string | null {
  const curves = parts.flatMap(({ logits, labels }, index) => {
    const { shard, auroc } = shards[index];
    return auroc === null ? [] : [{ name: `${shard} (${score(auroc)})`, ...rocCurve(logits, labels) }];
  });
  const title = `ROC on ${split === "all" ? "all films" : split}, AUROC in brackets`;
  return curves.length === 0 ? null : rocChart(curves, { title });
}
