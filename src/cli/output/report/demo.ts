// Why: what the demo found out, as the text that it ends with and as a page.
import { rocChart } from "../chart.ts";
import type { AggregatorResult } from "../../../fed/training/result.ts";
import { degradedLine } from "../degraded.ts";
import type { Measured } from "../../commands/demo/measure.ts";
import { formatDuration } from "../../options/duration.ts";
import { interval, score, table } from "../table.ts";
import { charts, figures, heading, headline, htmlTable, page, paragraph } from "./page.ts";
import { valCharts } from "./val_charts.ts";

/** What the demo found out. */
export interface Facts {
  measured: Measured;
  /** Passes over each hospital's training films, in the federation and alone. */
  passes: number;
  /** The aggregator's own result. */
  federated: Pick<AggregatorResult, "degraded" | "missing" | "rounds" | "history" | "bytes" | "init">;
  /** Seconds by phase. */
  seconds: Record<string, number>;
}

const HEAD = ["hospital", "test films", "with a finding", "federated AUROC", "95 % interval", "alone AUROC"];

/** The table's rows: hospitals, then the stratified figures, then the floor. */
function rowsOf({ measured }: Facts): string[][] {
  const { silos, local, test } = measured;
  return [
    ...Object.entries(silos).map(([silo, one]) => [
      silo,
      String(one.images),
      String(one.positives),
      score(one.auroc),
      interval(one.ci95),
      score(local[silo]?.auroc),
    ]),
    ["stratified", "", "", score(test.stratified), interval(test.ci95), score(test.local_stratified)],
    ["site only (floor)", "", "", score(test.site_only), "", ""],
  ];
}

/** Pairs of a name and a figure that stand below the table. */
function figuresOf({ federated, passes, seconds }: Facts): [string, string][] {
  const done = federated.history.flatMap((round) => round.seconds ?? []);
  const mean = done.reduce((sum, one) => sum + one, 0) / Math.max(1, done.length);
  return [
    ["rounds", `${done.length}, ${formatDuration(mean)} on average`],
    ["passes over the training films", `${passes}, in the federation and alone`],
    ["bytes moved", `${(federated.bytes / 2 ** 20).toFixed(0)} MiB`],
    ["start", federated.init.source],
    ["time", Object.entries(seconds).map(([phase, took]) => `${phase} ${formatDuration(took)}`).join(", ")],
  ];
}

/** The demo's table as text. */
export function resultTable(facts: Facts): string {
  return [
    ...degradedLine(facts.federated),
    table(HEAD, rowsOf(facts)),
    "",
    ...figuresOf(facts).map(([name, value]) => `${name}: ${value}`),
  ].join("\n");
}

/** The demo's report as one HTML file. */
export function reportHtml(facts: Facts): string {
  const { measured, federated } = facts;
  const curves = Object.entries(measured.roc).map(([name, { fpr, tpr }]) => ({ name, fpr, tpr }));
  const stratified = score(measured.test.stratified);
  return page("fedx demo", [
    heading("Three hospitals, one model"),
    ...degradedLine(federated).map((line) => headline(line)),
    paragraph(
      "Three silos trained one model together over mutual TLS. Each kept its films; weight updates, counts and scores " +
        "left it. The films of this demo are drawn and lie on this machine, which worked out the test figures and ROC " +
        "curves below from all of them. Research use only.",
    ),
    headline(`Stratified test AUROC ${stratified} ${interval(measured.test.ci95)}`, stratified),
    htmlTable(HEAD, rowsOf(facts)),
    paragraph(
      "“Alone” is the hospital's own model from its own films, with as many passes as the federation. " +
        "“Stratified” is the hospitals' own AUROC values, weighted by their pairs of films. “Site only” is the " +
        "pooled AUROC of a score that knows only which hospital a film comes from: a pooled figure must be read " +
        "against it.",
    ),
    charts([
      ...valCharts(Object.keys(measured.silos), federated.history),
      rocChart(curves, { title: "ROC on test, federated model" }),
    ]),
    figures(figuresOf(facts)),
  ]);
}
