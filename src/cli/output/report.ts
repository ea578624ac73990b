// Why: one file that opens anywhere, without a network: the demo's table, curves and what they mean.
import { escape, lineChart, rocChart } from "./chart.ts";
import type { AggregatorResult, RoundResult } from "../../fed/training/result.ts";
import { degradedLine } from "./degraded.ts";
import type { Measured } from "../commands/demo/measure.ts";
import { describePasses, type Passes } from "../commands/demo/passes.ts";
import { formatDuration } from "../options/duration.ts";
import { interval, score, table } from "./table.ts";

/** What the demo found out. */
export interface Facts {
  measured: Measured;
  /** Passes over each hospital's training films. */
  passes: { federated: Passes; alone: Passes };
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
    ["passes over the training films", describePasses(passes)],
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
  const { measured } = facts;
  const cell = (text: string, tag = "td") => `<${tag}>${escape(text)}</${tag}>`;
  return [
    '<!doctype html><html lang="en"><head><meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1"><title>fedx demo</title>',
    `<style>${STYLE}</style></head><body><main>`,
    "<h1>Three hospitals, one model</h1>",
    ...degradedLine(facts.federated).map((line) => `<p class="headline">${escape(line)}</p>`),
    "<p>Three silos trained one model together over mutual TLS. Each kept its films; only weight updates and the " +
    "counts and scores below left it. The films of this demo are drawn. Research use only.</p>",
    `<p class="headline">Stratified test AUROC <b>${score(measured.test.stratified)}</b> ${
      interval(measured.test.ci95)
    }</p>`,
    `<div class="wide"><table><thead><tr>${
      HEAD.map((name) => cell(name, "th")).join("")
    }</tr></thead><tbody>`,
    ...rowsOf(facts).map((row) => `<tr>${row.map((text) => cell(text)).join("")}</tr>`),
    "</tbody></table></div>",
    "<p>“Alone” is the hospital's own model from its own films, with the federation's passes, rounded to whole ones. “Site only” is the pooled AUROC " +
    "of a score that knows only which hospital a film comes from: a pooled figure must be read against it.</p>",
    `<div class="charts">${chartsOf(facts).join("")}</div>`,
    "<dl>",
    ...figuresOf(facts).map(([name, value]) => `<dt>${escape(name)}</dt><dd>${escape(value)}</dd>`),
    "</dl></main></body></html>\n",
  ].join("\n");
}

/** Curves over models: the scores of a round are those of the model before it. */
function chartsOf({ measured, federated }: Facts): string[] {
  const perSilo = (figure: keyof RoundResult["silos"][string]) =>
    Object.keys(measured.silos).map((name) => ({
      name,
      points: federated.history.flatMap(({ round, silos }) => {
        const value = silos[name]?.[figure] ?? null;
        return value === null ? [] : [[round - 1, value] as const];
      }),
    }));
  const curves = Object.entries(measured.roc).map(([name, { fpr, tpr }]) => ({ name, fpr, tpr }));
  return [
    lineChart(perSilo("auroc"), { title: "AUROC on val", x: "round", y: "AUROC" }),
    lineChart(perSilo("loss"), { title: "Mean loss on val", x: "round", y: "loss" }),
    rocChart(curves, { title: "ROC on test, federated model" }),
  ].map((svg) => `<figure>${svg}</figure>`);
}

const STYLE = `
:root{color-scheme:light dark;--ink:#1d2430;--soft:#5b6472;--line:#d6dae0;--paper:#fbfbfa}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#a2abb8;--line:#39414d;--paper:#171b21}}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,sans-serif}
main{max-width:62rem;margin:0 auto;padding:2rem 1.2rem;overflow-wrap:anywhere}
h1{font-size:1.7rem;margin:0 0 .5rem}p{max-width:46rem}.headline{font-size:1.25rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;margin:1rem 0;font-variant-numeric:tabular-nums}
th,td{text-align:right;overflow-wrap:normal;padding:.35rem .6rem;border-bottom:1px solid var(--line)}
th:first-child,td:first-child{text-align:left}th{color:var(--soft);font-weight:600}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));gap:1rem}
figure{margin:0}svg{width:100%;height:auto}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1rem}dt{color:var(--soft)}dd{margin:0}
@media(max-width:40rem){main{padding:1rem}table{font-size:.8rem}th,td{padding:.35rem .2rem}dl{display:block}dd{margin:0 0 .5rem}}
`;
