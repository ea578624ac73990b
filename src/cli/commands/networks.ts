// Why: which network a run can afford is a question of the machines and the lines at hand, before any film is read.
import { median } from "../../fed/maths/median.ts";
import { DataSet } from "../../model/data_set.ts";
import { Engine } from "../../model/engine.ts";
import { layoutOf } from "../../model/layout.ts";
import { cores, findLibraries, type Libraries } from "../../model/libraries.ts";
import { NETWORK_NAMES, type NetworkName, NETWORKS } from "../../model/networks/networks.ts";
import { PURPOSE, uniforms } from "../../model/philox.ts";
import { preset } from "../../model/recipe.ts";
import { preprocessingOf } from "../../model/weights/model_file.ts";
import { randomWeights } from "../../model/weights/random.ts";
import { isRefusal } from "../../refusal.ts";
import type { Context } from "../context.ts";
import type { networks as options } from "../options/table/networks.ts";
import { table } from "../output/table.ts";

/** Images per second. */
interface Speed {
  training: number;
  scoring: number;
}

/** How speed is measured. */
interface Work {
  libraries: Libraries;
  device: "auto" | "cpu" | "cuda";
  threads: number;
  size: number;
  batch: number;
}

/** Timed pieces of work, of which the median counts, and films in one piece of scoring. */
const TIMED = 5, SCORED = 32;

/** Lists the networks; without an engine their sizes alone. */
export async function run({ values, output, signal }: Context<typeof options>): Promise<void> {
  const { size, batch, device, threads = cores() } = values;
  const libraries = await findLibraries().catch((error) => {
    if (!isRefusal(error)) throw error;
    output.line(`speed is not measured: ${error.message}`);
    return null;
  });
  const found = [];
  let computing: string | null = null;
  for (const [index, name] of NETWORK_NAMES.entries()) {
    signal.throwIfAborted();
    output.progress("networks", index, NETWORK_NAMES.length);
    const { length, weights } = layoutOf(name, { channels: 1 });
    const measured = libraries && await measure(name, { libraries, device, threads, size, batch });
    computing = measured?.device ?? null;
    const { title } = NETWORKS[name];
    found.push({
      ...{ name, title, parameters: weights, bytes: 4 * length },
      images_per_second: measured && { training: measured.training, scoring: measured.scoring },
    });
  }
  output.progress("networks", NETWORK_NAMES.length, NETWORK_NAMES.length);
  const speed = (images: number | undefined) => images === undefined ? "–" : images.toFixed(1);
  output.result(
    { networks: found, device: computing, threads, size, batch },
    [
      table(
        [
          "--network",
          "name",
          "million parameters",
          "MB each way a round",
          "images/s trained",
          "images/s scored",
        ],
        found.map(({ name, title, parameters, bytes, images_per_second }) => [
          ...[name, title, (parameters / 1e6).toFixed(2), (bytes / 1e6).toFixed(1)],
          ...[speed(images_per_second?.training), speed(images_per_second?.scoring)],
        ]),
      ),
      ...computing === null
        ? []
        : [`measured on ${computing}, ${threads} threads: ${size} px, batches of ${batch}`],
    ].join("\n"),
  );
}

/** Times training and scoring of noise; what it learns is thrown away. */
async function measure(
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
