/**
 * Question: which way of training is the best for a federation, and what does federating reach with it beside pooling
 * all films in one place and beside each hospital alone?
 *
 * Trains every run of a grid of `bench/recipe_grid.ts` in this process and writes the scores of its last model as one
 * line of the file `--runs`. A run that is there already is not made again, so the bench may be
 * stopped at any time, and `--of 2 --part 0` beside `--of 2 --part 1` share the runs between two processes.
 * `bench/recipe_table.ts` makes the tables.
 *
 *     npx -y deno@2.9.3 task bench bench/recipes.ts --data DIR --grid NAME --runs FILE [--size 64] [--threads 1]
 *       [--of 1] [--part 0] [--most RUNS] [--out DIR]
 *
 * DIR holds silo-a, silo-b and silo-c, or images with labels-a.csv, labels-b.csv and labels-c.csv.
 */
import { parseArgs } from "node:util";
import { type Pool, poolOf } from "../src/data/pool.ts";
import type { DataSet } from "../src/model/data_set.ts";
import { permutation } from "../src/model/image_order.ts";
import { findLibraries } from "../src/model/libraries.ts";
import type { LoadedPool } from "../src/model/predictor.ts";
import { loadTrainingFilms } from "../src/model/training_films.ts";
import { Hospitals, requireData, SILOS } from "./hospitals.ts";
import { playWay } from "./in_process.ts";
import { machine } from "./machine.ts";
import { type Cut, grid, type Method, type Planned } from "./recipe_grid.ts";
import { keyOf, type ScoredSet, type StoredRun, storedRuns } from "./recipe_runs.ts";

const { values: options } = parseArgs({
  options: {
    data: { type: "string" },
    grid: { type: "string", default: "methods" },
    runs: { type: "string", default: "runs.jsonl" },
    size: { type: "string", default: "64" },
    threads: { type: "string", default: "1" },
    of: { type: "string", default: "1" },
    part: { type: "string", default: "0" },
    most: { type: "string", default: "Infinity" },
    out: { type: "string", default: "fedx-recipes" },
  },
});
/** Parts that films are cut into by patient. */
const PARTS = 5;

/** The rows that a run trains on, hospital by hospital, and the sets that its models score. */
interface Deal {
  train: Uint32Array[];
  sets: Record<string, Uint32Array>;
}

/** Deals the films of a cut. */
function deal({ count, rows, patients, strata }: Pool, cut: Cut): Deal {
  const number = Math.max(...patients) + 1;
  const mixed = permutation(number, { seed: 0, silo: 0, epoch: 0 });
  const part = (row: number) => mixed[patients[row]] % PARTS;
  const bySilo = (all: Uint32Array) => SILOS.map((_, silo) => all.filter((row) => strata![row] === silo));
  if (cut === "all") return { train: bySilo(rows.train), sets: { val: rows.val, test: rows.test } };
  const own = Number(cut.at(-1));
  if (cut.startsWith("fifth")) {
    const others = rows.train.filter((row) => part(row) !== own);
    return {
      train: bySilo(rows.train.filter((row) => part(row) === own)),
      sets: { val: rows.val, test: rows.test, others },
    };
  }
  const all = Uint32Array.from({ length: count }, (_, row) => row);
  return {
    train: bySilo(all.filter((row) => part(row) !== own)),
    sets: { others: all.filter((row) => part(row) === own) },
  };
}

/** Who trains: three hospitals, all films as one, or one hospital. */
function partiesOf(method: Method, train: Uint32Array[]): Uint32Array[] {
  if (method === "federated") return train;
  if (method === "pooled") return [Uint32Array.from(train.flatMap((rows) => [...rows]))];
  return [train[SILOS.indexOf(method.slice(-1))]];
}

const short = (logits: Float32Array) => Array.from(logits, (logit) => Number(logit.toPrecision(5)));

/** One run of the grid. */
async function run(loaded: LoadedPool<DataSet>, planned: Planned): Promise<StoredRun> {
  const { cut, method, ...way } = planned;
  const { train, sets } = deal(loaded.pool, cut);
  const parties = partiesOf(method, train);
  const { labels, patients, strata } = loaded.pool;
  const scored: Record<string, ScoredSet> = {};
  // A hospital alone may take as many steps as all films in one place would.
  const films = (rows: Uint32Array[]) => rows.reduce((sum, { length }) => sum + length, 0);
  const passes = method.startsWith("alone") && planned.steps === "pooled"
    ? Math.round(way.passes * films(train) / films(parties))
    : way.passes;
  const started = performance.now();
  await playWay(loaded, parties, { ...way, passes }, {
    threads: Number(options.threads),
    onModel: async (done, logits) => {
      if (done !== passes) return;
      for (const [name, rows] of Object.entries(sets)) {
        scored[name] = {
          labels: Array.from(rows, (row) => labels[row]),
          patients: Array.from(rows, (row) => patients[row]),
          strata: Array.from(rows, (row) => strata![row]),
          scores: short(await logits(rows)),
        };
      }
    },
  });
  return {
    ...{
      key: keyOf(planned),
      planned,
      machine: machine(),
      films: films(parties),
      size: Number(options.size),
    },
    seconds: Math.round((performance.now() - started) / 1000),
    sets: scored,
  };
}

console.log(machine());
const hospitals = new Hospitals({ data: requireData(options.data), out: options.out, size: options.size });
const pool = poolOf(await hospitals.openShards());
using loaded = await loadTrainingFilms(await findLibraries(), pool);
let made = 0;
for (const [index, planned] of grid(options.grid).entries()) {
  if (made >= Number(options.most)) break;
  if (index % Number(options.of) !== Number(options.part)) continue;
  if ((await storedRuns(options.runs)).has(keyOf(planned))) continue;
  const stored = await run(loaded, planned);
  await Deno.writeTextFile(options.runs, `${JSON.stringify(stored)}\n`, { append: true });
  console.log(`${stored.key}: ${stored.seconds} s`);
  made++;
}
