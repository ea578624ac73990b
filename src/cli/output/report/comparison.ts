// Why: what a comparison found out, as the text that it ends with and as a page.
import type { MethodFigures, WayFigures } from "../../commands/compare/figures.ts";
import type { Finding } from "../../commands/compare/findings.ts";
import type { Training, Way } from "../../commands/compare/plan.ts";
import { NETWORKS } from "../../../model/networks/networks.ts";
import { formatDuration } from "../../options/duration.ts";
import { lineChart, type Series } from "../chart.ts";
import { interval, score, signed, table } from "../table.ts";
import { charts, figures, heading, headline, htmlTable, page, paragraph, section } from "./page.ts";

/** What the comparison found out. */
export interface Facts {
  ways: readonly WayFigures[];
  findings: readonly Finding[];
  machine: string;
  /** The hospitals' names. */
  names: readonly string[];
  folds?: number;
}

const HEAD = ["method", "trainings", "AUROC", "federated is better by", "than the first way"];
const HOLDS = { yes: "holds", no: "does not hold", open: "cannot be told" };

/** A way in words. */
export function wayText({ network, recipe, init, size, batch, lr, localEpochs, passes }: Way): string {
  return [
    NETWORKS[network].title,
    recipe,
    `${init} start`,
    ...batch === undefined ? [] : [`batch ${batch}`],
    ...lr === undefined ? [] : [`LR ${lr}`],
    ...localEpochs === 1 ? [] : [`rounds of ${localEpochs} passes`],
    ...passes === undefined ? [] : [`${passes} passes`],
    `${size} px`,
  ].join(", ");
}

/** A training in words. */
export function trainingText(
  { method, hospital, seed, fold, ...way }: Training,
  names: readonly string[],
): string {
  const who = hospital === undefined ? method : `${method} ${names[hospital]}`;
  return `${who}, ${wayText(way)}, seed ${seed}${fold === undefined ? "" : `, part ${fold + 1}`}`;
}

const withInterval = (one: MethodFigures["better"]) =>
  one === null ? "" : `${signed(one.difference)} ${interval(one.ci95)}`;

/** A way's figures, method by method. */
const cellsOf = ({ methods }: WayFigures) =>
  methods.map((one) => [
    ...[one.name, String(one.trainings), score(one.auroc)],
    ...[withInterval(one.better), withInterval(one.first)],
  ]);

/** The comparison's tables as text. */
export function comparisonTable(facts: Facts): string {
  return [
    ...facts.ways.map((one) => `${wayText(one.way)}\n${table(HEAD, cellsOf(one))}\n`),
    ...facts.findings.map((one) => `${HOLDS[one.holds]}: ${one.finding}, ${withInterval(one)}`),
    `made on: ${facts.machine}`,
  ].join("\n");
}

/** One curve for each way of the method that has most of them, by one measure of how far a training had come. */
function curves({ ways }: Facts, x: "round" | "passes" | "seconds"): Series[] {
  return ways.flatMap(({ way, methods }) => {
    const one = methods.find(({ name }) => name === "federated") ?? methods[0];
    const points = one.curve.map((point) => [point[x], point.auroc!] as const);
    return points.length === 0 ? [] : [{ name: wayText(way), points }];
  });
}

/** The same of every method of one way. */
function methodCurves({ methods }: WayFigures): Series[] {
  return methods.filter(({ curve }) => curve.length > 0).map(({ name, curve }) => ({
    name,
    points: curve.map(({ passes, auroc }) => [passes, auroc!] as const),
  }));
}

const AXES = { round: "round", passes: "passes over the films", seconds: "seconds of training" } as const;

/** The comparison's report as one HTML file. */
export function reportHtml(facts: Facts): string {
  const best = facts.ways.flatMap(({ way, methods }) => methods.map((one) => ({ way, one })))
    .reduce((a, b) => a.one.auroc >= b.one.auroc ? a : b);
  const tested = facts.folds === undefined
    ? "The test films are the shards' own; curves are on val."
    : `Each film is tested once by a model of other patients, in ${facts.folds} parts; curves are on the same films.`;
  const drawn = (Object.keys(AXES) as (keyof typeof AXES)[]).map((x) => ({ x, series: curves(facts, x) }))
    .filter(({ series }) => series.length > 0);
  return page("fedx compare", [
    heading("Ways of training, compared"),
    headline(
      `Highest: ${score(best.one.auroc)}, ${best.one.name}, ${wayText(best.way)}`,
      score(best.one.auroc),
    ),
    paragraph(
      "AUROC of each training's last model, over pairs of films within a hospital, mean over trainings. Intervals are " +
        "95 %, and resample patients and trainings; differences are paired, on the same films, seeds and parts. " +
        `${tested} Research use only.`,
    ),
    htmlTable(
      ["way", ...HEAD],
      facts.ways.flatMap((one) =>
        cellsOf(one).map((cells, at) => [at === 0 ? wayText(one.way) : "", ...cells])
      ),
    ),
    ...facts.findings.length === 0 ? [] : [
      section("What the deck found, and whether it holds here"),
      htmlTable(
        ["finding", "difference", "here"],
        facts.findings.map((one) => [one.finding, withInterval(one), HOLDS[one.holds]]),
      ),
    ],
    section("On the way"),
    charts(
      drawn.map(({ x, series }) =>
        lineChart(series, { title: `AUROC by ${AXES[x]}`, x: AXES[x], y: "AUROC" })
      ),
    ),
    ...facts.ways.filter(({ methods }) => methods.length > 1).flatMap((way) => {
      const series = methodCurves(way);
      return series.length === 0 ? [] : [
        section(wayText(way.way)),
        charts([lineChart(series, { title: "AUROC by method", x: AXES.passes, y: "AUROC" })]),
      ];
    }),
    figures([
      ["machine", facts.machine],
      ["hospitals", facts.names.join(", ")],
      [
        "time of a training",
        facts.ways.map(({ way, methods }) => `${wayText(way)}: ${formatDuration(methods[0].seconds)}`).join(
          "; ",
        ),
      ],
    ]),
  ]);
}
