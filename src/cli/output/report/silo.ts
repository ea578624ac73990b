// Why: a hospital asks at the end how good the model is on its own films, whether the federation helped, where the model
// lies and what to do now. The page is for whoever it shows that to; it names no file, and none of it was sent.
import { intervalOf, type SiloResult } from "../../../fed/training/result.ts";
import { plural } from "../../../plural.ts";
import { wrap } from "../../options/wrap.ts";
import { formatDuration } from "../../options/duration.ts";
import { rocChart } from "../chart.ts";
import { decisionLines, rateText, thresholdText } from "../decisions.ts";
import { degradedLine } from "../degraded.ts";
import { maskedText } from "../masked.ts";
import { ruleLines } from "../label_rule.ts";
import { modelLines, START_STAYS } from "../model_lines.ts";
import { moment } from "../moment.ts";
import { shellLines, shellWord } from "../shell.ts";
import { interval, score, table, TABLE_WIDTH } from "../table.ts";
import { programVersions } from "../versions.ts";
import { charts, figures, heading, headline, htmlTable, page, paragraph, section } from "./page.ts";
import { valCharts } from "./val_charts.ts";

/** Where a hospital's things lie. */
export interface SiloPlaces {
  silo: string;
  shard: string;
  /** Of the page; null where it could not be written. */
  report: string | null;
}

/** Of what the page shows; the AUROC and loss on val and the test figures of the model are what the hub was told. */
const KEPT = "The threshold, what decisions at it are worth and the ROC curves were sent to nobody.";
const HEAD = ["on this hospital's test films", "AUROC", "95 % interval"];

/** The federated model beside the start, on the hospital's own test films. */
function rowsOf({ test, own: { start } }: SiloResult): string[][] {
  return [
    ["federated model", score(test.auroc), interval(intervalOf(test))],
    ["start model", score(start?.auroc), interval(start && intervalOf(start))],
  ];
}

/** What the table does not say by itself. */
function remarksOf({ test, own, sha256, of }: SiloResult): string[] {
  const { images, positives, auroc } = test;
  return [
    `${plural(images, "test film")}, ${positives} with a finding` +
    (auroc === null ? ": too few patients of a class for an AUROC, or the model gives no numbers" : ""),
    ...ruleLines(of.label_rule),
    sha256 === of.init.sha256 ? START_STAYS : startRemark(own),
  ];
}

function startRemark({ start, start_reason }: SiloResult["own"]): string {
  return start === null
    ? `the start model is not scored: ${start_reason}`
    : "the start model was scored here after the run; its figures were sent to nobody";
}

/** What `fedx train` ends with. */
export function siloEnd(result: SiloResult, places: SiloPlaces): string {
  const [model, shard] = [result.model, places.shard].map(shellWord);
  return [
    ...degraded(result),
    table(HEAD, rowsOf(result)),
    ...remarksOf(result).flatMap((text) => wrap(text.split(" "), TABLE_WIDTH)),
    ...decisionLines(result.own),
    `${result.rounds} of ${plural(result.of.rounds, "round")} with this hospital, ${
      plural(result.examples, "training film")
    }, ` +
    formatDuration(result.seconds),
    ...wrap(`masked: ${masking(result)}`.split(" "), TABLE_WIDTH),
    ...modelLines(result),
    ...places.report === null ? [] : [`report: ${places.report}`],
    ...nextLines([
      ["fedx", "evaluate", "--model", model, "--shard", shard],
      ["fedx", "predict", "--model", model, "--images", "FOLDER", "--out", "scores.csv"],
    ]),
  ].join("\n");
}

/** Commands that can be copied from a terminal of 80 columns. */
function nextLines(commands: readonly string[][]): string[] {
  const indent = "next: ".length;
  return commands.flatMap((words) => shellLines(words, TABLE_WIDTH - indent))
    .map((line, at) => (at === 0 ? "next: " : " ".repeat(indent)) + line);
}

const masking = ({ masked }: SiloResult) =>
  maskedText(masked, "whoever runs the aggregator saw this hospital's updates");

const degraded = ({ degraded, missing, of: { rounds } }: SiloResult) =>
  degradedLine({ degraded, missing, rounds });

/** The hospital's own page. */
export function siloPage(result: SiloResult, { silo }: Pick<SiloPlaces, "silo">): string {
  const { test, own, of } = result;
  const history = result.history.map(({ round, auroc, loss }) => ({
    round,
    silos: { [silo]: { auroc, loss } },
  }));
  const auroc = score(test.auroc);
  return page(`fedx: ${silo}`, [
    heading(`The federated model at hospital ${silo}`),
    ...degraded(result).map((line) => headline(line)),
    paragraph(
      `${
        of.silos.join(", ")
      } were invited to train one model together; this page is about the films of ${silo} ` +
        `alone and was made there. ${KEPT} Research use only.`,
    ),
    headline(
      `Test AUROC ${auroc} ${interval(intervalOf(test))}; start model ${score(own.start?.auroc)}`,
      auroc,
    ),
    htmlTable(HEAD, rowsOf(result)),
    paragraph(remarksOf(result).map((text) => text[0].toUpperCase() + text.slice(1)).join(". ") + "."),
    ...decisionsOf(result),
    section("Curves"),
    charts([...valCharts([silo], history), ...rocOf(result)]),
    section("Films"),
    htmlTable(["split", "films", "patients", "with a finding"], filmsOf(result)),
    section("Run"),
    figures(figuresOf(result)),
  ]);
}

function decisionsOf({ own }: SiloResult): string[] {
  const { threshold, threshold_reason, sensitivity, specificity } = own;
  if (threshold === null) return [section("Threshold"), paragraph(`None, since ${threshold_reason}.`)];
  return [
    section("Threshold"),
    paragraph(
      `A film counts as having a finding from ${thresholdText(threshold)} on. ` +
        "That was fixed on this hospital's val films by Youden's J (the largest sensitivity + specificity − 1) and lies in this hospital's own copy of the " +
        "model alone.",
    ),
    htmlTable(["on the test films", "with 95 % interval"], [
      ["sensitivity", rateText(sensitivity)],
      ["specificity", rateText(specificity)],
    ]),
  ];
}

function rocOf({ own: { roc } }: SiloResult): string[] {
  const curves = [
    ...roc.selected === null ? [] : [{ name: "federated model", ...roc.selected }],
    ...roc.start === null ? [] : [{ name: "start model", ...roc.start }],
  ];
  return curves.length === 0 ? [] : [rocChart(curves, { title: "ROC on test" })];
}

function filmsOf({ splits }: SiloResult): string[][] {
  return Object.entries(splits).map(([split, { images, patients, positives }]) => [
    split,
    ...[images, patients, positives].map(String),
  ]);
}

function figuresOf(result: SiloResult): [string, string][] {
  const { of, machine, seconds, rounds, sha256, finished } = result;
  return [
    ["rounds", `${of.rounds}, ${rounds} of them with this hospital`],
    ["time", formatDuration(seconds)],
    ...finished === undefined ? [] : [["finished", moment(finished)] as [string, string]],
    ["masked", masking(result)],
    ["start", of.init.source],
    ["weights", `SHA-256 ${sha256}`],
    ["machine", `${machine.device}, threads: ${machine.threads}`],
    ["versions", `${programVersions()}; engine ${machine.build}`],
  ];
}
