import type { RoundResult } from "../../../fed/training/result.ts";
import { lineChart } from "../chart.ts";

/** What a chart needs of a round: the scores of the model before it. */
export type ScoredRound = Pick<RoundResult, "round" | "silos">;

/** AUROC and loss on `val` by hospital, drawn at the round that made the model; a chart without a point is left out. */
export function valCharts(silos: readonly string[], history: readonly ScoredRound[]): string[] {
  const curves = (figure: "auroc" | "loss") =>
    silos.map((name) => ({
      name,
      points: history.flatMap(({ round, silos }) => {
        const value = silos[name]?.[figure] ?? null;
        return value === null ? [] : [[round - 1, value] as const];
      }),
    })).filter(({ points }) => points.length > 0);
  const [auroc, loss] = [curves("auroc"), curves("loss")];
  return [
    ...auroc.length > 0 ? [lineChart(auroc, { title: "AUROC on val", x: "round", y: "AUROC" })] : [],
    ...loss.length > 0 ? [lineChart(loss, { title: "Mean loss on val", x: "round", y: "loss" })] : [],
  ];
}
