/** The engine on a GPU against the engine on the CPU; skipped with a note where no GPU is. */
import { assert, assertAlmostEquals, assertEquals, assertLess, assertMatch } from "@std/assert";
import { preprocessingOf } from "../src/model/weights/model_file.ts";
import { randomWeights } from "../src/model/weights/random.ts";
import { layoutOf } from "../src/model/layout.ts";
import { Engine, type EngineConfig, NativeError } from "../src/model/engine.ts";
import { preset } from "../src/model/recipe.ts";
import { libraries } from "./testing/libraries.ts";
import { stripedFilms } from "./testing/striped_films.ts";

const SIZE = 64, BATCH = 16, FILMS = 64;
const libs = await libraries();
const start = randomWeights(layoutOf("efficientnet_b0", { channels: 1 }), 5);

function create(changes: Partial<EngineConfig> = {}): Promise<Engine> {
  return Engine.create({
    network: "efficientnet_b0",
    size: SIZE,
    channels: 1,
    device: "cuda",
    precision: "fp32",
    threads: 2,
    seed: 3,
    silo: 1,
    recipe: preset("deck", { batch: BATCH, lr: 1e-4 }),
    classWeights: [1, 1],
    preprocessing: preprocessingOf(1),
    ...changes,
  }, libs);
}

/** True where an engine on a GPU can be made; prints the reason where not. */
async function hasGpu(): Promise<boolean> {
  try {
    using _engine = await create();
    return true;
  } catch (error) {
    if (!(error instanceof NativeError && ["not_built", "device"].includes(error.code))) throw error;
    console.log(`native_cuda_test: skipped: ${error.message}`);
    return false;
  }
}
const ignore = !await hasGpu();

const dataset = () => stripedFilms(libs, { films: FILMS, size: SIZE });

/** Losses and norms of `steps` steps from the start weights, in one chunk. */
async function train(engine: Engine, steps: number) {
  using data = await dataset();
  await engine.writeVector(start);
  await engine.resetOptimizer();
  const indices = Uint32Array.from({ length: steps * BATCH }, (_, i) => i % FILMS);
  return await engine.train(data, {
    ...{ firstStep: 0, indices },
    lr: new Float32Array(steps).fill(1),
    clip: new Float32Array(steps).fill(3),
  });
}

function mean(values: Float32Array): number {
  return values.reduce((sum, x) => sum + x, 0) / values.length;
}

Deno.test({
  name: "Engine on cuda, fp32: logits, first loss and first norm as on the CPU",
  ignore,
  fn: async () => {
    using gpu = await create();
    using cpu = await create({ device: "cpu" });
    assertMatch(gpu.info.device, /^cuda ./);
    assertEquals(cpu.info.device, "cpu");
    using data = await dataset();
    const rows = Uint32Array.from({ length: FILMS }, (_, i) => FILMS - 1 - i);
    for (const engine of [gpu, cpu]) await engine.writeVector(start);
    const [got, want] = [await gpu.predict(data, rows), await cpu.predict(data, rows)];
    want.forEach((z, i) => assertAlmostEquals(got[i], z, 1e-4 * Math.max(1, Math.abs(z))));
    const [ours, theirs] = [await train(gpu, 1), await train(cpu, 1)];
    assertAlmostEquals(ours.losses[0], theirs.losses[0], 1e-3 * theirs.losses[0]);
    assertAlmostEquals(ours.norms[0], theirs.norms[0], 1e-2 * theirs.norms[0]);
  },
});

Deno.test({
  name: "Engine on cuda, fp16: losses of 100 steps as in fp32, within 10 %, few steps skipped",
  ignore,
  fn: async () => {
    using half = await create({ precision: "auto" });
    using full = await create();
    const [got, want] = [await train(half, 100), await train(full, 100)];
    assertLess(got.skipped, 10);
    assert(Math.abs(mean(got.losses) - mean(want.losses)) < 0.1 * mean(want.losses));
    assertLess(got.losses.at(-1)!, got.losses[0]);
  },
});

Deno.test({
  name: "Engine on cuda: same seed, same bits",
  ignore,
  fn: async () => {
    const vectors = [];
    for (let i = 0; i < 2; i++) {
      using engine = await create({ precision: "auto" });
      await train(engine, 10);
      vectors.push(await engine.readVector());
    }
    assertEquals(vectors[0], vectors[1]);
  },
});

Deno.test({
  name:
    "Engine on cuda, graph: 200 replayed steps give the losses of queued ones to 1e-3, also after new weights",
  ignore,
  fn: async () => {
    using queued = await create({ precision: "auto" });
    using recorded = await create({ precision: "auto", graph: true });
    for (let round = 0; round < 2; round++) {
      const [want, got] = [await train(queued, 200), await train(recorded, 200)];
      want.losses.forEach((loss, i) => assertAlmostEquals(got.losses[i], loss, 1e-3 * Math.max(1, loss)));
    }
  },
});
