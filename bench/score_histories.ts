/**
 * Question: what do real runs' scores look like, round after round, so that rules of selection can be compared on them?
 *
 * Three hospitals' films are dealt into five parts by patient, again for every five runs. The hospitals train on their
 * films of `--train` parts, a tenth of whose patients is `val`; those of `--others` parts are other patients'. The
 * federation is played in this process: the product's own engine, image order, schedule and sum, without the wire. The
 * start and every round's model score both sets. A finished run is one line of the file `--histories`, and one that is
 * there already is not made again, so the bench may be stopped at any time. `bench/selection.ts` compares the rules.
 *
 *     npx -y deno@2.9.3 task bench bench/score_histories.ts --data DIR --histories FILE [--train 1] [--others 1]
 *       [--rounds 8] [--runs 15] [--batch 11] [--size 64] [--threads 2] [--out DIR]
 *
 * DIR holds silo-a, silo-b and silo-c, or images with labels-a.csv, labels-b.csv and labels-c.csv.
 */
import { parseArgs } from "node:util";
import { type Pool, poolOf } from "../src/data/pool.ts";
import { assignSplits } from "../src/data/split.ts";
import type { DataSet } from "../src/model/data_set.ts";
import { permutation } from "../src/model/image_order.ts";
import { findLibraries } from "../src/model/libraries.ts";
import type { LoadedPool } from "../src/model/predictor.ts";
import { loadTrainingFilms } from "../src/model/training_films.ts";
import { Hospitals, requireData, SILOS } from "./hospitals.ts";
import { playWay } from "./in_process.ts";
import { machine } from "./machine.ts";
import type { ScoredFilms, StoredHistory } from "./stored_history.ts";

const { values: options } = parseArgs({
  options: {
    data: { type: "string" },
    histories: { type: "string", default: "histories.jsonl" },
    train: { type: "string", default: "1" },
    others: { type: "string", default: "1" },
    rounds: { type: "string", default: "8" },
    runs: { type: "string", default: "15" },
    batch: { type: "string", default: "11" },
    size: { type: "string", default: "64" },
    threads: { type: "string", default: "2" },
    out: { type: "string", default: "fedx-histories" },
  },
});
const PARTS = 5;
/** Recipe and start of a run; runs take turns. */
const WAYS = [["default", "imagenet"], ["default", "random"], ["deck", "imagenet"]] as const;

const data = requireData(options.data);
const rounds = Number(options.rounds), batch = Number(options.batch);
const hospitals = new Hospitals({ data, out: options.out, size: options.size });

/** The rows of one run: by hospital those trained on, and the two sets that are scored. */
interface Deal {
  train: Uint32Array[];
  val: number[];
  others: number[];
}

/** Deals the patients, differently for every five runs; of five each has another part to begin with. */
function deal({ count, patients, labels, strata }: Pool, run: number): Deal {
  const number = Math.max(...patients) + 1;
  const mixed = permutation(number, { seed: Math.floor(run / PARTS), silo: 0, epoch: 0 });
  const part = (row: number) => (mixed[patients[row]] + run) % PARTS;
  const rows = Array.from({ length: count }, (_, row) => row);
  const dealt: Deal = {
    train: [],
    val: [],
    others: rows.filter((row) => part(row) >= PARTS - Number(options.others)),
  };
  for (const silo of SILOS.keys()) {
    const own = rows.filter((row) => strata![row] === silo && part(row) < Number(options.train));
    const asRead = own.map((row) => ({
      patient: String(patients[row]),
      findings: labels[row] ? ["a finding"] : [],
      split: "train" as const,
    }));
    const splits = assignSplits([...asRead, { patient: "nobody", findings: [], split: "test" }]);
    dealt.train.push(Uint32Array.from(own.filter((_, i) => splits[i] === "train")));
    dealt.val.push(...own.filter((_, i) => splits[i] === "val"));
  }
  return dealt;
}

/** Trains one run; what its models say of the two sets. */
async function history(loaded: LoadedPool<DataSet>, run: number): Promise<StoredHistory> {
  const { pool } = loaded;
  const [recipe, init] = WAYS[run % WAYS.length];
  const { train, val, others } = deal(pool, run);
  const scored = Uint32Array.from([...val, ...others]);
  const models: number[][] = [];
  await playWay(loaded, train, { recipe, init, seed: run, passes: rounds, batch }, {
    threads: Number(options.threads),
    onModel: async (_, logits) => {
      models.push(Array.from(await logits(scored), (logit) => Number(logit.toPrecision(7))));
    },
  });
  const films = (rows: number[]): ScoredFilms => ({
    labels: rows.map((row) => pool.labels[row]),
    patients: rows.map((row) => pool.patients[row]),
    strata: rows.map((row) => pool.strata![row]),
  });
  const all = train.reduce((sum, { length }) => sum + length, 0);
  return {
    ...{ data: data.split("/").at(-1)!, run, recipe, init, batch, train: all },
    val: { ...films(val), scores: models.map((one) => one.slice(0, val.length)) },
    others: { ...films(others), scores: models.map((one) => one.slice(val.length)) },
  };
}

console.log(machine());
const pool = poolOf(await hospitals.openShards());
using loaded = await loadTrainingFilms(await findLibraries(), pool);
const text = await Deno.readTextFile(options.histories).catch(() => "");
const done = new Set(text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line).run));
for (let run = 0; run < Number(options.runs); run++) {
  if (done.has(run)) continue;
  const started = performance.now();
  const made = await history(loaded, run);
  await Deno.writeTextFile(options.histories, `${JSON.stringify(made)}\n`, { append: true });
  const seconds = (performance.now() - started) / 1000;
  console.log(`run ${run}: ${made.recipe}, ${made.init}, ${seconds.toFixed(0)} s`);
}
