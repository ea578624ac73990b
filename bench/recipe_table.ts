/**
 * Question: of the runs that `bench/recipes.ts` made, which way is the best, and what does federating gain?
 *
 * Prints for each start and cut two tables of a grid's runs that are there. The first has every way of training with the
 * mean AUROC, over its seeds and cuts, of the last model; AUROC is over pairs within a hospital. The second has the
 * federation in the grid's first way and every other method in its best by `val` of those with the most runs, and how much
 * better the federation's model is, also than the hospitals alone in the mean: differences are paired, their 95 %
 * intervals resample patients and runs. Where another way of federating is the best by `val`, a third table has that one.
 *
 *     npx -y deno@2.9.3 task bench bench/recipe_table.ts --runs FILE --grid NAME
 */
import { parseArgs } from "node:util";
import type { Clustered } from "../src/model/metrics/bootstrap.ts";
import { mean } from "../src/model/metrics/mean.ts";
import { areaOf, differenceOfRuns } from "../src/model/metrics/runs.ts";
import { describeWay, grid, type Planned } from "./recipe_grid.ts";
import { keyOf, type ScoredSet, type StoredRun, storedRuns } from "./recipe_runs.ts";

const { values: options } = parseArgs({
  options: { runs: { type: "string", default: "runs.jsonl" }, grid: { type: "string", default: "methods" } },
});
/** A run's films of some of its sets together. */
function filmsOf(run: StoredRun, names: string[]): Clustered {
  const sets = names.map((name) => run.sets[name]).filter((set) => set !== undefined);
  const all = <T>(pick: (set: ScoredSet) => T[]) => sets.flatMap(pick);
  return {
    labels: all((set) => set.labels),
    patients: all((set) => set.patients),
    strata: all((set) => set.strata),
    scores: all((set) => set.scores),
  };
}

const show = (value: number) => value.toFixed(4).replace(/^(-?)0\./, "$1.");
const meanArea = (runs: StoredRun[], names: string[]) => mean(runs.map((run) => areaOf(filmsOf(run, names))));

/** What a run is beside its seed, cut and way: which films, and from which start. */
function settingOf({ cut, init, passes, recipe }: Planned): string {
  const films = { all: "all", fifth: "a fifth", fold: "four fifths" }[cut.replace(/\d/, "")];
  return `${recipe}, ${films} of the films, ${init} start, ${passes} passes`;
}

/** How much better the first runs' models are than the others' in the mean, run by run on the same films. */
function difference(first: StoredRun[], others: StoredRun[][], names: string[]): string {
  const [own, ...rest] = [first, ...others].map((runs) => runs.map((run) => filmsOf(run, names)));
  const found = differenceOfRuns(own, rest);
  const ends = found.ci95?.map(show).join(", ") ?? "not known";
  return `${found.difference < 0 ? "" : "+"}${show(found.difference)} [${ends}]`;
}

function print(header: string[], rows: string[][]): void {
  for (const cells of [header, header.map(() => "---"), ...rows]) console.log(`| ${cells.join(" | ")} |`);
  console.log();
}

const stored = await storedRuns(options.runs);
const made = grid(options.grid).map((planned) => stored.get(keyOf(planned))).filter((run) =>
  run !== undefined
);
const ways = [
  ...Map.groupBy(made, ({ planned }) => `${settingOf(planned)} ${describeWay(planned)}`).values(),
];
for (const machine of new Set(made.map(({ machine }) => machine))) console.log(`${machine}\n`);
const SETS = ["val", "test", "others"];
const settings = Map.groupBy(ways, ([{ planned }]) => settingOf(planned));
for (const [setting, all] of settings) {
  const sets = SETS.filter((name) => all[0][0].sets[name]);
  const rows = all.map((runs) => [
    ...[describeWay(runs[0].planned), String(runs.length)],
    ...sets.map((name) => show(meanArea(runs, [name]))),
  ]);
  print([setting, "runs", ...sets], rows);
}
const OTHERS = ["test", "others"];

/** How much better a federation's models are than those of the other methods, each in its best way. */
function compare(setting: string, federated: StoredRun[], others: Map<string, StoredRun[]>): void {
  const places = (runs: StoredRun[]) => runs.map(({ planned }) => `${planned.cut} ${planned.seed}`);
  const against = (others: StoredRun[][]) => {
    const common = places(federated).filter((place) => others.every((runs) => places(runs).includes(place)));
    const paired = (side: StoredRun[]) => common.map((place) => side[places(side).indexOf(place)]);
    return difference(paired(federated), others.map(paired), OTHERS);
  };
  const row = (method: string, runs: StoredRun[]) => [
    ...[method, describeWay(runs[0].planned), String(runs.length), show(meanArea(runs, OTHERS))],
  ];
  const alone = [...others].flatMap(([method, runs]) => method.startsWith("alone") ? [runs] : []);
  print([setting, "best way", "runs", "AUROC", "federated is better by"], [
    [...row("federated", federated), ""],
    ...[...others].map(([method, runs]) => [...row(method, runs), against([runs])]),
    ...alone.length > 1
      ? [["mean of the hospitals alone", "", "", show(meanArea(alone.flat(), OTHERS)), against(alone)]]
      : [],
  ]);
}

for (const [setting, all] of settings) {
  const best = new Map<string, StoredRun[]>();
  for (const [method, own] of Map.groupBy(all, ([{ planned }]) => planned.method)) {
    const most = Math.max(...own.map(({ length }) => length));
    const whole = own.filter(({ length }) => length === most);
    best.set(method, whole.toSorted((a, b) => meanArea(b, ["val"]) - meanArea(a, ["val"]) || 0)[0]);
  }
  const chosen = all.find(([{ planned }]) => planned.method === "federated");
  const byVal = best.get("federated");
  if (chosen === undefined || byVal === undefined) continue;
  best.delete("federated");
  for (const federated of new Set([chosen, byVal])) compare(setting, federated, best);
}
