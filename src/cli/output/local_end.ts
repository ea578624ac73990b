// Why: whoever trains a model on from another one asks whether that helped, so the end shows both on the same films.
import { intervalOf, type LocalResult, type StartTest } from "../../fed/training/result.ts";
import { formatDuration } from "../options/duration.ts";
import { decisionLines } from "./decisions.ts";
import { ruleLines } from "./label_rule.ts";
import { modelLines, selectionText, START_STAYS } from "./model_lines.ts";
import { interval, score, signed, table } from "./table.ts";

const HEAD = ["shard", "test AUROC", "95 % interval", "test films", "with a finding"];

/** What `fedx local` ends with. */
export function localEnd(result: LocalResult): string {
  const { selection, own, epochs, seconds } = result;
  return [
    table(HEAD, rowsOf(result)),
    ...remarksOf(result),
    ...decisionLines(own),
    `${epochs.toFixed(1)} passes in ${formatDuration(seconds)}; ${selectionText(selection)}`,
    ...modelLines(result),
  ].join("\n");
}

function rowsOf(result: LocalResult): string[][] {
  const { silos, stratified, ci95 } = result.test;
  const rows = Object.entries(silos).flatMap(([name, one]) => [
    [name, score(one.auroc), interval(intervalOf(one)), String(one.images), String(one.positives)],
    ...isCompared(result) ? startRows(result.start[name]) : [],
  ]);
  const several = Object.keys(silos).length > 1;
  return [...rows, ...several ? [["stratified", score(stratified), interval(ci95), "", ""]] : []];
}

/** Whether the start is another model than the selected one, and worth a row. */
function isCompared(result: LocalResult): result is LocalResult & Required<Pick<LocalResult, "start">> {
  return result.start !== undefined && result.selection.round > 0;
}

function startRows({ difference, ...start }: StartTest): string[][] {
  return [
    ["  start model", score(start.auroc), interval(intervalOf(start)), "", ""],
    ["  difference", signed(difference?.auroc), interval(difference?.ci95), "", ""],
  ];
}

/** What the table does not say by itself. */
function remarksOf(result: LocalResult): string[] {
  const rule = ruleLines(result.label_rule);
  if (result.selection.round === 0) return [...rule, START_STAYS];
  if (!isCompared(result)) return rule;
  return [...rule, "difference: selected minus start model on the same films, patients resampled"];
}
