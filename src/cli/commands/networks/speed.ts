// Why: how long a training takes here is asked by who chooses a network and by who compares trainings.
import { median } from "../../../fed/maths/median.ts";
import { DataSet } from "../../../model/data_set.ts";
import { Engine } from "../../../model/engine.ts";
import type { Libraries } from "../../../model/libraries.ts";
import type { NetworkName } from "../../../model/networks/networks.ts";
import { PURPOSE, uniforms } from "../../../model/philox.ts";
import { preset } from "../../../model/recipe.ts";
import { preprocessingOf } from "../../../model/weights/model_file.ts";
import { randomWeights } from "../../../model/weights/random.ts";

/** Images per second. */
export interface Speed {
  training: number;
  scoring: number;
}

/** How speed is measured. */
export interface Work {
  libraries: Libraries;
  device: "auto" | "cpu" | "cuda";
  threads: number;
  size: number;
  batch: number;
}

/** Timed pieces of work, of which the median counts, and films in one piece of scoring. */
const TIMED = 5, SCORED = 32;

/** Times training and scoring of noise; what it learns is thrown away. */
export async function measure(
  network: NetworkName,
  { libraries, batch, ...work }: Work,
): Promise<Speed & { device: string }> {
  using engine = await Engine.create({
    ...{ ...work, network, channels: 1, precision: "auto", preprocessing: preprocessingOf(1) },
    ...{ seed: 0, silo: 0, classWeights: [1, 1], recipe: preset("default", { batch }) },
  }, libraries);
  const n = Math.max(batch, SCORED), pixels = n * work.size ** 2;
  using films = await DataSet.create(libraries, { n, size: work.size });
  const noise = uniforms({ seed: 0, silo: 0 }, { purpose: PURPOSE.phantom }, pixels);
  await films.put(0, Uint8Array.from(noise, (u) => 256 * u));
  films.labels(0, Uint8Array.from({ length: n }, (_, i) => i % 2));
  await engine.writeVector(randomWeights(engine.layout, 0));
  const rows = Uint32Array.from({ length: n }, (_, i) => i);
  const one = Float32Array.of(1);
  const step = (firstStep: number) =>
    engine.train(films, { firstStep, lr: one, clip: one, indices: rows.subarray(0, batch) });
  const training = batch / await seconds(step);
  const scoring = SCORED / await seconds(() => engine.predict(films, rows.subarray(0, SCORED)));
  return { training, scoring, device: engine.info.device };
}

/** Median seconds of a piece of work, after one to warm up. */
async function seconds(work: (step: number) => Promise<unknown>): Promise<number> {
  await work(0);
  const took: number[] = [];
  for (let step = 1; step <= TIMED; step++) {
    const started = performance.now();
    await work(step);
    took.push((performance.now() - started) / 1000);
  }
  return median(took);
}
