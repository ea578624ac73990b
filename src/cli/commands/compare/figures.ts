// Why: every figure of a comparison follows from its rows, so the report can be made again from them.
import type { Pool } from "../../../data/pool.ts";
import type { Clustered } from "../../../model/metrics/bootstrap.ts";
import { mean } from "../../../model/metrics/mean.ts";
import { areaOf, differenceOfRuns } from "../../../model/metrics/runs.ts";
import { columnsAt } from "../../../model/predictions.ts";
import { dealOf } from "./deal.ts";
import { byWay, keyOf, type Training, type Way, wayOf } from "./plan.ts";
import type { Point, Row } from "./rows.ts";

/** How much better one is, with a 95 % interval over patients and trainings. */
export interface Difference {
  difference: number;
  ci95: [number, number] | null;
}

/** What one method came to. */
export interface MethodFigures {
  /** `federated`, `pooled`, `alone NAME`, or `alone (mean)`. */
  name: string;
  trainings: number;
  /** Of the last model, stratified, mean over the trainings. */
  auroc: number;
  passes: number;
  /** Of training, as if all hospitals had trained at once, mean. */
  seconds: number;
  /** How much better the federation is; null for itself, and where there is none. */
  better: Difference | null;
  /** How much better it is than the same method of the first way with films of this size; null for that one itself. */
  first: Difference | null;
  /** Mean over the trainings of what their models reached on `val`. */
  curve: Point[];
}

/** What one way came to. */
export interface WayFigures {
  way: Way;
  methods: MethodFigures[];
}

/** What rows are read with. */
export interface Judged {
  pools: ReadonlyMap<number, Pool>;
  /** The hospitals' names. */
  names: readonly string[];
  folds?: number;
}

/** A row with its last model's scores of the films that it is tested on. */
interface Run {
  row: Row;
  films: Clustered;
}
/** By their seeds and parts, so that those of two methods can be paired. */
type Runs = Map<string, Run>;

/** The rows of one way and method. */
export function runsOf(
  rows: ReadonlyMap<string, Row>,
  trainings: readonly Training[],
  { pools, names, folds }: Judged,
): Runs {
  const runs: Runs = new Map();
  for (const training of trainings) {
    const row = rows.get(keyOf(training)), pool = pools.get(training.size)!;
    if (row === undefined) continue;
    const { test } = dealOf(pool, training, { hospitals: names.length, folds });
    const films = { scores: row.logits, ...columnsAt(pool, test) };
    runs.set(`${training.seed} ${training.fold ?? ""}`, { row, films });
  }
  return runs;
}

/** How much better the first runs' models are, on the seeds and parts that all have. */
export function between(first: Runs, others: readonly Runs[]): Difference | null {
  const places = [...first.keys()].filter((place) => others.every((runs) => runs.has(place)));
  if (places.length === 0 || others.length === 0) return null;
  const [own, ...rest] = [first, ...others].map((runs) => places.map((place) => runs.get(place)!.films));
  return differenceOfRuns(own, rest);
}

/** Every way of a plan that has a row, in the plan's order. */
export function figuresOf(
  plan: readonly Training[],
  rows: ReadonlyMap<string, Row>,
  judged: Judged,
): WayFigures[] {
  const firsts = new Map<string, Runs>();
  return [...byWay(plan).values()].flatMap((trainings) => {
    const way = wayOf(trainings[0]);
    const sides = sidesOf(trainings, rows, judged);
    const federated = sides.get("federated");
    const methods = [...sides].map(([name, runs]): MethodFigures => {
      const key = `${name} ${way.size}`, first = firsts.get(key);
      if (first === undefined) firsts.set(key, runs);
      return {
        ...meansOf(name, [...runs.values()]),
        better: federated && name !== "federated" ? between(federated, [runs]) : null,
        first: first === undefined ? null : between(runs, [first]),
      };
    });
    const alone = [...sides].flatMap(([name, runs]) => name.startsWith("alone") ? [runs] : []);
    if (alone.length > 1) methods.push(meanOfAlone(methods, federated ? between(federated, alone) : null));
    return methods.length === 0 ? [] : [{ way, methods }];
  });
}

/** A way's methods that have rows. */
function sidesOf(
  trainings: readonly Training[],
  rows: ReadonlyMap<string, Row>,
  judged: Judged,
): Map<string, Runs> {
  const sides = Map.groupBy(
    trainings,
    ({ method, hospital }) => method === "alone" ? `alone ${judged.names[hospital!]}` : method,
  );
  const all = [...sides].map(([name, own]) => [name, runsOf(rows, own, judged)] as const);
  return new Map(all.filter(([, runs]) => runs.size > 0));
}

function meansOf(name: string, runs: readonly Run[]) {
  const rows = runs.map(({ row }) => row);
  return {
    name,
    trainings: runs.length,
    auroc: mean(runs.map(({ films }) => areaOf(films))),
    passes: mean(rows.map((row) => row.passes)),
    seconds: mean(rows.map((row) => row.curve.at(-1)!.seconds)),
    curve: meanCurve(rows),
  };
}

/** The points that all trainings have. */
function meanCurve(rows: readonly Row[]): Point[] {
  const least = rows.reduce((a, b) => a.curve.length <= b.curve.length ? a : b);
  return least.curve.flatMap(({ round, passes }, at) => {
    const points = rows.map((row) => row.curve[at]);
    const areas = points.map(({ auroc }) => auroc);
    if (areas.some((one) => one === null)) return [];
    return [{
      round,
      passes,
      seconds: mean(points.map(({ seconds }) => seconds)),
      auroc: mean(areas as number[]),
    }];
  });
}

function meanOfAlone(methods: readonly MethodFigures[], better: Difference | null): MethodFigures {
  const alone = methods.filter(({ name }) => name.startsWith("alone"));
  return {
    name: "alone (mean)",
    trainings: alone.reduce((sum, { trainings }) => sum + trainings, 0),
    auroc: mean(alone.map(({ auroc }) => auroc)),
    passes: mean(alone.map(({ passes }) => passes)),
    seconds: mean(alone.map(({ seconds }) => seconds)),
    better,
    first: null,
    curve: [],
  };
}
