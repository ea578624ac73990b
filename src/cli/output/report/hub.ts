// Why: whoever runs the hub sees at the end what the hospitals sent, with its uncertainty, and what the two figures over
// all hospitals mean. The page holds nothing that they did not send.
import { type AggregatorResult, intervalOf } from "../../../fed/training/result.ts";
import { wrap } from "../../options/wrap.ts";
import { formatDuration } from "../../options/duration.ts";
import { degradedLine } from "../degraded.ts";
import { maskedText } from "../masked.ts";
import { ruleLines } from "../label_rule.ts";
import { modelLines, selectionText } from "../model_lines.ts";
import { moment } from "../moment.ts";
import { shellWord } from "../shell.ts";
import { interval, score, table, TABLE_WIDTH } from "../table.ts";
import { programVersions } from "../versions.ts";
import { charts, figures, heading, headline, htmlTable, page, paragraph, section } from "./page.ts";
import { valCharts } from "./val_charts.ts";
import { plural } from "../../../plural.ts";

const HEAD = ["hospital", "test AUROC", "95 % interval", "test films", "with a finding"];

/** What the headline is. */
const STRATIFIED = "stratified: the hospitals' own AUROC values, weighted by their pairs of films";

/** Hospitals, then what is said of all of them. */
function rowsOf({ test }: AggregatorResult): string[][] {
  const { pooled } = test;
  return [
    ...Object.entries(test.silos).map(([silo, one]) => [
      silo,
      score(one.auroc),
      interval(intervalOf(one)),
      String(one.images),
      String(one.positives),
    ]),
    ["stratified", score(test.stratified), interval(test.ci95), "", ""],
    ["pooled, certified", "", interval(pooled && [pooled.lower, pooled.upper]), "", ""],
    ["site only (floor)", score(test.site_only), "", "", ""],
  ];
}

/** What the rows over all hospitals mean. */
function meaningsOf({ test, label_rule }: AggregatorResult): string[] {
  return [
    ...ruleLines(label_rule),
    STRATIFIED,
    test.pooled === null
      ? `pooled, certified: none, since there is ${test.pooled_reason}`
      : "pooled, certified: the AUROC over all hospitals' test films together lies between these bounds for certain; " +
        "it follows from counts alone and is no confidence interval",
    "site only: the pooled AUROC of a score that knows nothing but the hospital of a film; a pooled AUROC is worth " +
    "what it has above that",
  ];
}

/** What `fedx aggregate` ends with. @param places.state its folder · `report`: the page's path, null for none */
export function hubEnd(
  result: AggregatorResult,
  { state, report }: { state: string; report: string | null },
): string {
  return [
    ...degradedLine(result),
    table(HEAD, rowsOf(result)),
    ...[...meaningsOf(result), selectedLine(result), `masked: ${masking(result)}`].flatMap((text) =>
      wrap(text.split(" "), TABLE_WIDTH)
    ),
    ...modelLines(result),
    `last model: ${state}/last.safetensors`,
    `start: ${state}/init.safetensors`,
    ...report === null ? [] : [`report: ${report}`],
    "Each hospital has the model in its own state folder. To train on from the last",
    `model: the same command with --new --init ${shellWord(`${state}/last.safetensors`)}`,
  ].join("\n");
}

const masking = ({ masked }: AggregatorResult) =>
  maskedText(masked, "whoever runs this aggregator saw each hospital's update");

function selectedLine({ rounds, seconds, selection, bytes, abandoned }: AggregatorResult): string {
  const given = abandoned === undefined ? "" : `; round ${abandoned} was abandoned at the budget's end`;
  const done = `${plural(rounds, "round")} in ${formatDuration(seconds)}`;
  return `${done}; ${selectionText(selection)}; ${moved(bytes)} moved${given}`;
}

const moved = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;

/** The hub's page. */
export function hubPage(result: AggregatorResult): string {
  const { test, history } = result;
  const silos = Object.keys(result.joined);
  const stratified = score(test.stratified);
  return page("fedx: one run", [
    heading(`One model of ${plural(silos.length, "hospital")}`),
    ...degradedLine(result).map((line) => headline(line)),
    paragraph(
      `${
        silos.join(", ")
      } took part. All that this page says of a hospital is what it sent to the hub: counts, ` +
        "AUROC values with their errors, mean losses, its machine. Research use only.",
    ),
    headline(`Stratified test AUROC ${stratified} ${interval(test.ci95)}`, stratified),
    htmlTable(HEAD, rowsOf(result)),
    ...meaningsOf(result).map((text) => paragraph(`${text[0].toUpperCase()}${text.slice(1)}.`)),
    section("Curves"),
    charts(valCharts(silos, history)),
    section("Films"),
    htmlTable(["hospital", "train", "val", "test", "with a finding", "patients"], filmsOf(result)),
    section("Run"),
    figures(figuresOf(result)),
    section("Machines"),
    htmlTable(["hospital", "device", "threads", "engine"], machinesOf(result)),
  ]);
}

function filmsOf({ joined }: AggregatorResult): string[][] {
  return Object.entries(joined).map(([silo, { splits }]) => {
    const all = Object.values(splits);
    const sum = (key: "positives" | "patients") => all.reduce((total, split) => total + split[key], 0);
    const images = all.map((split) => String(split.images));
    return [silo, ...images, String(sum("positives")), String(sum("patients"))];
  });
}

function machinesOf({ joined }: AggregatorResult): string[][] {
  return Object.entries(joined).map((
    [silo, { device, threads, build }],
  ) => [silo, device, String(threads), build]);
}

function figuresOf(result: AggregatorResult): [string, string][] {
  const { rounds, selection, seconds, bytes, init, sha256, finished } = result;
  return [
    ["rounds", String(rounds)],
    ["model", selectionText(selection, "optimistic: it was chosen by it")],
    ["time", formatDuration(seconds)],
    ...finished === undefined ? [] : [["finished", moment(finished)] as [string, string]],
    ["moved", moved(bytes)],
    ["masked", masking(result)],
    ["start", init.source],
    ["weights", `SHA-256 ${sha256}`],
    ["versions", programVersions()],
  ];
}
