// Why: every figure of a comparison follows from its rows, so the report can be made again from them.
import type { Pool } from "../../../data/pool.ts";
import type { Clustered } from "../../../model/metrics/bootstrap.ts";
import { stratifiedAuroc } from "../../../model/metrics/bootstrap.ts";
import { differenceOfRuns } from "../../../model/metrics/runs.ts";
import { dealOf } from "./deal.ts";
import { keyOf, type Training, type Way } from "./plan.ts";
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

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/** A row's films with the scores of its last model. */
export function scoredOf({ training, logits }: Row, { pools, names, folds }: Judged): Clustered {
  const pool = pools.get(training.size)!;
  const { test } = dealOf(pool, training, { hospitals: names.length, folds });
  return {
    scores: logits,
    labels: Uint8Array.from(test, (row) => pool.labels[row]),
    patients: Uint32Array.from(test, (row) => pool.patients[row]),
    ...pool.strata && { strata: Uint32Array.from(test, (row) => pool.strata![row]) },
  };
}

/** Rows in the order of their seeds and parts, so that those of two methods can be paired. */
type Runs = Map<string, Row>;
const placeOf = ({ seed, fold }: Training) => `${seed} ${fold ?? ""}`;

/** How much better the first rows' models are, on the seeds and parts that all have. */
export function between(first: Runs, others: readonly Runs[], judged: Judged): Difference | null {
  const places = [...first.keys()].filter((place) => others.every((runs) => runs.has(place)));
  if (places.length === 0 || others.length === 0) return null;
  const [own, ...rest] = [first, ...others].map((runs) =>
    places.map((place) => scoredOf(runs.get(place)!, judged))
  );
  return differenceOfRuns(own, rest);
}

/** The rows of one way and method, by seed and part. */
export function runsOf(rows: ReadonlyMap<string, Row>, trainings: readonly Training[]): Runs {
  const found = trainings.flatMap((training) => rows.get(keyOf(training)) ?? []);
  return new Map(found.map((row) => [placeOf(row.training), row]));
}

/** Every way of a plan that has a row, in the plan's order. */
export function figuresOf(
  plan: readonly Training[],
  rows: ReadonlyMap<string, Row>,
  judged: Judged,
): WayFigures[] {
  const ways = new Map<string, Training[]>();
  for (const training of plan) {
    const name = JSON.stringify(wayOf(training));
    ways.set(name, [...ways.get(name) ?? [], training]);
  }
  const firsts = new Map<string, Runs>();
  return [...ways.values()].flatMap((trainings) => {
    const sides = sidesOf(trainings, rows, judged.names);
    const methods = sides.map(({ name, runs }): MethodFigures => {
      const key = `${name} ${trainings[0].size}`;
      const first = firsts.get(key);
      if (first === undefined) firsts.set(key, runs);
      const federated = sides.find((side) => side.name === "federated");
      return {
        ...meansOf(name, [...runs.values()], judged),
        better: federated && name !== "federated" ? between(federated.runs, [runs], judged) : null,
        first: first === undefined ? null : between(runs, [first], judged),
      };
    });
    const alone = sides.filter(({ name }) => name.startsWith("alone"));
    const federated = sides.find(({ name }) => name === "federated");
    if (alone.length > 1) {
      methods.push(
        meanOfAlone(methods, federated && between(federated.runs, alone.map(({ runs }) => runs), judged)),
      );
    }
    return methods.length === 0 ? [] : [{ way: wayOf(trainings[0]), methods }];
  });
}

function wayOf({ method: _method, hospital: _hospital, seed: _seed, fold: _fold, ...way }: Training): Way {
  return way;
}

/** A way's methods that have rows. */
function sidesOf(trainings: readonly Training[], rows: ReadonlyMap<string, Row>, names: readonly string[]) {
  const sides = Map.groupBy(
    trainings,
    ({ method, hospital }) => method === "alone" ? `alone ${names[hospital!]}` : method,
  );
  return [...sides].map(([name, own]) => ({ name, runs: runsOf(rows, own) })).filter(({ runs }) =>
    runs.size > 0
  );
}

function meansOf(name: string, rows: readonly Row[], judged: Judged) {
  const area = (row: Row) => {
    const scored = scoredOf(row, judged);
    return stratifiedAuroc(scored.scores, scored)(() => 1);
  };
  return {
    name,
    trainings: rows.length,
    auroc: mean(rows.map(area)),
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

function meanOfAlone(
  methods: readonly MethodFigures[],
  better: Difference | null | undefined,
): MethodFigures {
  const alone = methods.filter(({ name }) => name.startsWith("alone"));
  return {
    name: "alone (mean)",
    trainings: alone.reduce((sum, { trainings }) => sum + trainings, 0),
    auroc: mean(alone.map(({ auroc }) => auroc)),
    passes: mean(alone.map(({ passes }) => passes)),
    seconds: mean(alone.map(({ seconds }) => seconds)),
    better: better ?? null,
    first: null,
    curve: [],
  };
}
