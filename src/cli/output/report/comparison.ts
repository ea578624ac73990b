// Why: what a comparison found out, as the text that it ends with and as a page.
import type { MethodFigures, WayFigures } from "../../commands/compare/figures.ts";
import type { Finding } from "../../commands/compare/findings.ts";
import type { Training, Way } from "../../commands/compare/plan.ts";
import { NETWORKS } from "../../../model/networks/networks.ts";
import { plural } from "../../../plural.ts";
import { formatDuration } from "../../options/duration.ts";
import { lineChart, type Series } from "../chart.ts";
import { ruleLines } from "../label_rule.ts";
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
  /** Which films count as positive. */
  labelRule: string;
}

const HEAD = ["method", "runs", "AUROC", "federated better by", "better than in the first way"];
const HOLDS = { yes: "holds", no: "does not hold", open: "cannot be told" };

/** A way's settings in words; one that is the preset's has none. */
const wordsOf = ({ network, recipe, init, size, batch, lr, localEpochs, passes }: Way): string[] => [
  ...[NETWORKS[network].title, recipe, `${init} start`],
  batch === undefined ? "" : `batch ${batch}`,
  lr === undefined ? "" : `LR ${lr}`,
  localEpochs === 1 ? "" : `rounds of ${localEpochs} passes`,
  passes === undefined ? "" : plural(passes, "pass", "passes"),
  `${size} px`,
];
const joined = (words: readonly string[]) => words.filter((word) => word !== "").join(", ");

/** A way in words. */
const wayText = (way: Way) => joined(wordsOf(way));

/** A training in words. */
export function trainingText(
  { method, hospital, seed, fold, ...way }: Training,
  names: readonly string[],
): string {
  const who = hospital === undefined ? method : `${method} ${names[hospital]}`;
  return `${who}, ${wayText(way)}, seed ${seed}${fold === undefined ? "" : `, part ${fold + 1}`}`;
}

/** What tells each way from the others, in words, and what all have in common. */
function named(ways: readonly WayFigures[]): { names: string[]; all: string } {
  const words = ways.map(({ way }) => wordsOf(way));
  const alike = (at: number) => words.every((one) => one[at] === words[0][at]);
  const part = (one: readonly string[], common: boolean) =>
    joined(one.filter((_, at) => alike(at) === common));
  return {
    names: words.map((one) => part(one, ways.length === 1) || "the presets' numbers"),
    all: ways.length < 2 ? "" : part(words[0], true),
  };
}

const withInterval = (one: MethodFigures["better"]) =>
  one === null ? "" : `${signed(one.difference)} ${interval(one.ci95)}`;

/** A way's figures, method by method. */
const cellsOf = ({ methods }: WayFigures) =>
  methods.map((one) => [
    ...[one.name, String(one.trainings), score(one.auroc)],
    ...[withInterval(one.better), withInterval(one.first)],
  ]);

/** Head and rows of a table without the columns that have no cell. */
function filled(head: readonly string[], rows: readonly (readonly string[])[]): [string[], string[][]] {
  const kept = head.map((_, at) => rows.some((row) => row[at] !== ""));
  const pick = (row: readonly string[]) => row.filter((_, at) => kept[at]);
  return [pick(head), rows.map(pick)];
}

/** The comparison's tables as text. */
export function comparisonTable(facts: Facts): string {
  const { names, all } = named(facts.ways);
  // Where each way has one method, the ways are what is compared.
  const single = facts.ways.every(({ methods }) => methods.length === 1);
  const rows = facts.ways.flatMap((one, at) => cellsOf(one).map((cells) => [names[at], ...cells]));
  return [
    ...all === "" ? [] : [`all: ${all}\n`],
    ...ruleLines(facts.labelRule),
    ...single
      ? [`${table(...filled(["way", ...HEAD], rows))}\n`]
      : facts.ways.map((one, at) => `${names[at]}\n${table(...filled(HEAD, cellsOf(one)))}\n`),
    ...facts.findings.map((one) => `${HOLDS[one.holds]}: ${one.finding}, ${withInterval(one)}`),
    `made on: ${facts.machine}`,
  ].join("\n");
}

/** One curve for each way, the federation's where there is one, by one measure of how far a training had come. */
function curves({ ways }: Facts, names: readonly string[], x: keyof typeof AXES): Series[] {
  return ways.flatMap(({ methods }, at) => {
    const one = methods.find(({ name }) => name === "federated") ?? methods[0];
    const points = one.curve.map((point) => [point[x], point.auroc!] as const);
    return points.length === 0 ? [] : [{ name: names[at], points }];
  });
}

/** A chart of every method, for each way that has several. */
function methodCharts({ ways }: Facts, names: readonly string[]): string[] {
  return ways.flatMap(({ methods }, at) => {
    const series = methods.filter(({ curve }) => curve.length > 0).map(({ name, curve }) => ({
      name,
      points: curve.map(({ passes, auroc }) => [passes, auroc!] as const),
    }));
    return series.length < 2 ? [] : [lineChart(series, { title: names[at], x: AXES.passes, y: "AUROC" })];
  });
}

const AXES = { round: "round", passes: "passes over the films", seconds: "seconds of training" } as const;

/** The comparison's report as one HTML file. */
export function reportHtml(facts: Facts): string {
  const { names, all } = named(facts.ways);
  const best = facts.ways.flatMap(({ methods }, at) => methods.map((one) => ({ name: names[at], one })))
    .reduce((a, b) => a.one.auroc >= b.one.auroc ? a : b);
  const tested = facts.folds === undefined
    ? "The test films are the shards' own; curves are on val."
    : `Each film is tested once by a model of other patients, in ${facts.folds} parts; curves are on the same films.`;
  const courses = (Object.keys(AXES) as (keyof typeof AXES)[]).map((x) => ({
    x,
    series: curves(facts, names, x),
  }))
    .filter(({ series }) => series.length > 0)
    .map(({ x, series }) => lineChart(series, { title: `AUROC by ${x}`, x: AXES[x], y: "AUROC" }));
  const methods = methodCharts(facts, names);
  return page("fedx compare", [
    heading("Ways of training, compared"),
    headline(`Highest: ${score(best.one.auroc)}, ${best.one.name}, ${best.name}`, score(best.one.auroc)),
    ...all === "" ? [] : [paragraph(`All: ${all}.`)],
    ...ruleLines(facts.labelRule).map((line) => paragraph(`${line}.`)),
    paragraph(
      "AUROC of each training's last model, over pairs of films within a hospital, mean over trainings. Intervals are " +
        "95 %, and resample patients and trainings; differences are paired, on the same films, seeds and parts. " +
        `${tested} Research use only.`,
    ),
    htmlTable(
      ...filled(
        ["way", ...HEAD],
        facts.ways.flatMap((one, way) =>
          cellsOf(one).map((cells, at) => [at === 0 ? names[way] : "", ...cells])
        ),
      ),
    ),
    ...facts.findings.length === 0 ? [] : [
      section("What the deck found, and whether it holds here"),
      htmlTable(
        ["finding", "difference", "here"],
        facts.findings.map((one) => [one.finding, withInterval(one), HOLDS[one.holds]]),
      ),
    ],
    ...courses.length === 0 ? [] : [section("Way by way"), charts(courses)],
    ...methods.length === 0 ? [] : [section("Method by method"), charts(methods)],
    figures([
      ["made on", facts.machine],
      ["hospitals", facts.names.join(", ")],
      [
        "seconds of training",
        facts.ways.map(({ methods: [one] }, at) => `${names[at]}: ${formatDuration(one.seconds)}`).join("; "),
      ],
    ]),
  ]);
}
