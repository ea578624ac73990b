/**
 * Question: how good are the models that a rule of selection hands over, beside the best one by `val` and the last one?
 *
 * On simulated histories (tests/testing/score_histories.ts), whose true AUROC is known for every model: val of 10 to
 * 1,000 patients, 6 to 24 rounds, one hospital, three, and three of which one alone has enough patients. With
 * `--histories` also on real ones, which `bench/score_histories.ts` makes: `val` is drawn from other patients of the
 * run, and the models are judged on those that are left, again and again. It fails where fedx takes the start though
 * the last model's interval on `val` lies above it.
 *
 *     npx -y deno@2.9.3 task bench bench/selection.ts [--runs 270] [--histories FILE …]
 */
import { parseArgs } from "node:util";
import { select } from "../src/fed/maths/selection.ts";
import { mean } from "../src/model/metrics/mean.ts";
import { stratified } from "../src/model/metrics/metrics.ts";
import { FAMILIES, simulateHistory } from "../tests/testing/score_histories.ts";
import { seeded } from "../tests/testing/random.ts";
import { machine } from "./machine.ts";
import { drawnHistories, type History } from "./stored_history.ts";

const { values: options } = parseArgs({
  options: { runs: { type: "string", default: "270" }, histories: { type: "string", multiple: true } },
});

/** Stratified figures of every model; null where no hospital can tell. */
const figuresOf = ({ models }: History) => models.map(({ scores }) => stratified(Object.values(scores)));

/** The latest model not further below the best than `error` says. */
function latestWithin(
  history: History,
  error: (figures: { best: number; se: number; model: number }) => number,
) {
  const figures = figuresOf(history);
  const last = figures.length - 1;
  if (figures[last].auroc === null) return last;
  const best = figures.reduce((a, { auroc }, i) => auroc! >= figures[a].auroc! ? i : a, 0);
  const { auroc, se } = figures[best];
  const near = figures.map((one, model) =>
    model === best || auroc! - one.auroc! <= error({ best, se, model })
  );
  return near.lastIndexOf(true);
}

const RULES: Record<string, (history: History) => number> = {
  "best-of": (history) => {
    const figures = figuresOf(history);
    if (figures[0].auroc === null) return figures.length - 1;
    return figures.reduce((a, { auroc }, i) => auroc! > figures[a].auroc! ? i : a, 0);
  },
  last: ({ models }) => models.length - 1,
  fedx: ({ models, roster }) => select(models, { roster, last: models.length - 1 }).round,
  "one error": (history) => latestWithin(history, ({ se }) => se),
  "paired error": (history) => latestWithin(history, ({ best, model }) => history.pairedError(best, model)),
};

/** Whether the last model's 95 % interval lies above the start's AUROC. */
function endsAbove(history: History): boolean {
  const figures = figuresOf(history);
  const { ci95 } = figures.at(-1)!;
  return ci95 !== null && ci95[0] > figures[0].auroc!;
}

/** What each rule reached, and how often it took the start. */
type Reached = Record<string, { auroc: number[]; starts: number }>;

function judge(histories: Iterable<History>): Reached {
  const reached: Reached = Object.fromEntries(
    Object.keys(RULES).map((rule) => [rule, { auroc: [], starts: 0 }]),
  );
  for (const history of histories) {
    for (const [rule, choose] of Object.entries(RULES)) {
      const round = choose(history);
      reached[rule].auroc.push(history.truth[round]);
      if (round !== 0) continue;
      reached[rule].starts++;
      if (rule === "fedx" && endsAbove(history)) {
        throw new Error("the start was taken below the last one's interval");
      }
    }
  }
  return reached;
}

/** Hospitals that can tell an AUROC, and those beside them that cannot. */
const FEDERATIONS = [{ hospitals: 1, silent: 0 }, { hospitals: 3, silent: 0 }, { hospitals: 1, silent: 2 }];
const PATIENTS = [10, 25, 50, 100, 300, 1000];
const ROUNDS = [6, 12, 24];

function* simulated(family: string, patients: number): Iterable<History> {
  const random = seeded(1);
  for (let run = 0; run < Number(options.runs); run++) {
    const federation = FEDERATIONS[run % 3], rounds = ROUNDS[Math.floor(run / 3) % 3];
    yield simulateHistory(family, random, { rounds, patients, ...federation });
  }
}

const show = (value: number) => value.toFixed(4).replace(/^0/, "");

function row(name: string, reached: Reached): string {
  const cells = Object.values(reached).map(({ auroc }) => show(mean(auroc)));
  const starts = ["best-of", "fedx"].map((rule) => reached[rule].starts).join(", ");
  return `| ${[name, reached.last.auroc.length, ...cells, starts].join(" | ")} |`;
}

function join(all: Reached[]): Reached {
  return Object.fromEntries(
    Object.keys(RULES).map((rule) => [rule, {
      auroc: all.flatMap((one) => one[rule].auroc),
      starts: all.reduce((sum, one) => sum + one[rule].starts, 0),
    }]),
  );
}

console.log(machine());
const header = ["", "runs", ...Object.keys(RULES), "start taken (best-of, fedx)"];
console.log(`| ${header.join(" | ")} |\n| ${header.map(() => "---").join(" | ")} |`);
const grid = Object.keys(FAMILIES).map((family) =>
  PATIENTS.map((patients) => judge(simulated(family, patients)))
);
for (const [i, family] of Object.keys(FAMILIES).entries()) console.log(row(family, join(grid[i])));
for (const [j, patients] of PATIENTS.entries()) {
  console.log(row(`${patients} patients`, join(grid.map((one) => one[j]))));
}
console.log(row("all simulated", join(grid.flat())));
for (const file of options.histories ?? []) {
  for (const [name, histories] of Object.entries(await drawnHistories(file))) {
    console.log(row(name, judge(histories)));
  }
}
