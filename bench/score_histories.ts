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
import { Shard } from "../src/data/shard.ts";
import { assignSplits } from "../src/data/split.ts";
import { classWeightsOf } from "../src/fed/maths/class_weights.ts";
import { delta, fold, scaleFor } from "../src/fed/maths/exact_sum.ts";
import { stepsOf } from "../src/fed/maths/stretch.ts";
import type { DataSet } from "../src/model/data_set.ts";
import { Engine } from "../src/model/engine.ts";
import { ImageOrder, permutation } from "../src/model/image_order.ts";
import { findLibraries } from "../src/model/libraries.ts";
import { LoadedPool } from "../src/model/predictor.ts";
import { preprocessingOf } from "../src/model/weights/model_file.ts";
import { preset, type Recipe, scheduleOf } from "../src/model/recipe.ts";
import { initialWeights } from "../src/model/weights/initial.ts";
import { exists, Hospitals, requireData, SILOS } from "./hospitals.ts";
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
/** Steps of a native call. */
const CHUNK = 16;

const data = requireData(options.data);
const size = Number(options.size), rounds = Number(options.rounds), batch = Number(options.batch);
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
async function play(loaded: LoadedPool<DataSet>, run: number): Promise<StoredHistory> {
  const { pool } = loaded;
  const [name, init] = WAYS[run % WAYS.length];
  const { train, val, others } = deal(pool, run);
  const recipe = preset(name, { batch });
  const all = train.flatMap((rows) => [...rows]);
  const positives = all.filter((row) => pool.labels[row]).length;
  const classWeights = classWeightsOf({ recipe }, { images: all.length, positives });
  using engine = await makeEngine(recipe, { seed: run, classWeights });
  const orders = train.map((rows, silo) => new ImageOrder(rows, { seed: run, silo: silo + 1 }));
  let { vector } = await initialWeights(engine.layout, { init, seed: run }) as { vector: Float32Array };
  const scored = Uint32Array.from([...val, ...others]);
  const models: number[][] = [];
  for (let round = 0; round <= rounds; round++) {
    if (round > 0) {
      const updates = [];
      for (const [silo, order] of orders.entries()) {
        const turn = { from: round - 1, to: round, n: train[silo].length, silo };
        const trained = await trainTurn(engine, { loaded, order, recipe, turn, vector });
        updates.push({ values: delta(trained, vector, engine.layout), examples: turn.n });
      }
      vector = fold(vector, updates, { layout: engine.layout, scale: scaleFor(all.length) });
    }
    await engine.writeVector(vector);
    const { logits } = await loaded.predict(engine, scored);
    models.push(Array.from(logits, (logit) => Number(logit.toPrecision(7))));
  }
  const films = (rows: number[]): ScoredFilms => ({
    labels: rows.map((row) => pool.labels[row]),
    patients: rows.map((row) => pool.patients[row]),
    strata: rows.map((row) => pool.strata![row]),
  });
  return {
    ...{ data: data.split("/").at(-1)!, run, recipe: name, init, batch, train: all.length },
    val: { ...films(val), scores: models.map((one) => one.slice(0, val.length)) },
    others: { ...films(others), scores: models.map((one) => one.slice(val.length)) },
  };
}

async function makeEngine(
  recipe: Recipe,
  { seed, classWeights }: { seed: number; classWeights: [number, number] },
): Promise<Engine> {
  return await Engine.create({
    ...{ network: "efficientnet_b0", size, channels: 1, device: "cpu", precision: "fp32" },
    ...{ threads: Number(options.threads), seed, silo: 0, recipe, classWeights },
    preprocessing: preprocessingOf(1),
  }, await findLibraries());
}

/** One hospital's turn from the model `vector`; the trained vector. */
async function trainTurn(
  engine: Engine,
  { loaded, order, recipe, turn: { from, to, n, silo }, vector }: {
    loaded: LoadedPool<DataSet>;
    order: ImageOrder;
    recipe: Recipe;
    turn: { from: number; to: number; n: number; silo: number };
    vector: Float32Array;
  },
): Promise<Float32Array> {
  await engine.writeVector(vector);
  await engine.resetOptimizer();
  const { firstStep, steps } = stepsOf({ from, to }, { train: n, batch });
  const { lr, clip } = scheduleOf(recipe, { p0: from / rounds, p1: to / rounds, steps });
  for (let done = 0; done < steps; done += CHUNK) {
    const end = Math.min(done + CHUNK, steps);
    await engine.train(loaded.films, {
      // Hospitals share an engine here: they draw other random numbers all the same.
      firstStep: silo * 2 ** 20 + firstStep + done,
      lr: lr.subarray(done, end),
      clip: clip.subarray(done, end),
      indices: order.take((firstStep + done) * batch, (end - done) * batch),
    });
  }
  return await engine.readVector();
}

/** The hospitals' shards, made once. */
async function openShards(): Promise<Shard[]> {
  if (!await exists(`${data}/labels-a.csv`)) await hospitals.prepare();
  else {
    await Deno.mkdir(options.out, { recursive: true });
    for (const silo of SILOS) {
      if (await exists(hospitals.shard(silo))) continue;
      await hospitals.fedx(`prepare-${silo}`, [
        ...["prepare", "--images", `${data}/images`, "--labels", `${data}/labels-${silo}.csv`],
        ...["--size", options.size, "--out", hospitals.shard(silo)],
      ]);
    }
  }
  return await Promise.all(SILOS.map((silo) => Shard.open(hospitals.shard(silo))));
}

console.log(machine());
const pool = poolOf(await openShards());
using first = await makeEngine(preset("default", { batch }), { seed: 0, classWeights: [1, 1] });
using loaded = await LoadedPool.load(first, pool);
loaded.films.labels(0, pool.labels);
const text = await Deno.readTextFile(options.histories).catch(() => "");
const done = new Set(text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line).run));
for (let run = 0; run < Number(options.runs); run++) {
  if (done.has(run)) continue;
  const started = performance.now();
  const history = await play(loaded, run);
  await Deno.writeTextFile(options.histories, `${JSON.stringify(history)}\n`, { append: true });
  console.log(
    `run ${run}: ${history.recipe}, ${history.init}, ${((performance.now() - started) / 1000).toFixed(0)} s`,
  );
}
