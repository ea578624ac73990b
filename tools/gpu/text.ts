/** gpu.txt: the results as a person reads them, at most 100 columns wide. */
import { wrap } from "../../src/cli/options/wrap.ts";
import type { Figure } from "./figures.ts";
import { NOT_ASKED, type Results, shortfall, type StageResult } from "./results.ts";

const WIDTH = 100;
/** Columns of a figure's name, value, unit and bound. */
const COLUMNS = { name: 46, value: 12, unit: 12, bound: 14 } as const;

/** All of it, stage by stage. */
export function resultsText(results: Results): string {
  const { fedx, commit, device, began } = results;
  const where = device === "cuda" ? "on a GPU" : "rehearsed: the CPU in the GPU's place";
  return [
    `fedx ${fedx} ${where}; began ${began}`,
    `sources: ${commit}`,
    shortfall(results) ?? "every stage reported",
    ...results.stages.flatMap(stageLines),
  ].flatMap(folded).join("\n") + "\n";
}

function stageLines({ name, status, seconds, limit, reason, figures }: StageResult): string[] {
  if (status === "skipped" && reason === NOT_ASKED) return [];
  const took = status === "skipped" ? "" : ` (${seconds.toFixed(1)} s of at most ${limit} s)`;
  const head = `${name}: ${status}${took}${reason === undefined ? "" : `: ${reason}`}`;
  const groups = [...new Set(figures.map(({ group }) => group))];
  return ["", head, ...groups.flatMap((group) => groupLines(group, figures))];
}

function groupLines(group: string, figures: readonly Figure[]): string[] {
  const own = figures.filter((figure) => figure.group === group);
  return [`  ${group}`, ...own.flatMap(figureLines)];
}

/** One line; a long name or text gets lines of its own. */
function figureLines({ name, value, unit = "", bound = "", ok, reason }: Figure): string[] {
  const mark = ok === undefined ? "" : ok ? "ok" : "NOT OK";
  const none = value === null && reason !== undefined && ok === undefined;
  const shown = none
    ? `– ${reason}`
    : value === null
    ? "–"
    : typeof value === "string"
    ? value
    : numberText(value);
  const number = typeof value === "number";
  const last = [
    number ? shown.padStart(COLUMNS.value) : shown.padEnd(COLUMNS.value),
    (none ? "" : unit).padEnd(COLUMNS.unit),
    (none ? "" : bound).padEnd(COLUMNS.bound),
    mark,
  ].join(" ").trimEnd();
  const beside = name.length <= COLUMNS.name && COLUMNS.name + last.length + 5 <= WIDTH;
  const line = beside
    ? [`    ${name.padEnd(COLUMNS.name)} ${last}`]
    : [`    ${name}`, `      ${last.trim()}`];
  return [...line, ...reason === undefined || none ? [] : [`      ${reason}`]];
}

/** Four digits that count. */
export function numberText(value: number): string {
  if (Number.isInteger(value) || Math.abs(value) >= 1000) return value.toFixed(0);
  return Math.abs(value) < 1e-3 ? value.toExponential(2) : String(Number(value.toPrecision(4)));
}

/** A line as several, where it is too wide; each keeps its indent, and a word that is too long is cut. */
function folded(line: string): string[] {
  if (line.length <= WIDTH) return [line];
  const indent = /^ */.exec(line)![0];
  const most = WIDTH - indent.length;
  const words = line.trim().split(/ +/).flatMap((word) => word.match(new RegExp(`.{1,${most}}`, "gu")) ?? []);
  return wrap(words, most).map((part) => indent + part);
}
