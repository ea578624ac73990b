import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertLess,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { preprocessingOf } from "../../src/model/weights/model_file.ts";
import { randomWeights } from "../../src/model/weights/random.ts";
import { layoutOf } from "../../src/model/layout.ts";
import { liveHandles } from "../../src/model/shutdown.ts";
import { type Chunk, Engine, type EngineConfig, NativeError } from "../../src/model/engine.ts";
import { nativeConfig } from "../../src/model/engine_config.ts";
import { headOnly } from "../../src/model/head_only.ts";
import { meanLoss } from "../../src/model/metrics/metrics.ts";
import { preset, type Recipe } from "../../src/model/recipe.ts";
import { flavourOf } from "../../src/shim/libtorch/flavour.ts";
import { libraries } from "../testing/libraries.ts";
import { stripedFilms } from "../testing/striped_films.ts";
import { HEAD_TENSORS, tensorsThatDiffer } from "../testing/tensors.ts";

const libs = await libraries();
const SIZE = 32, BATCH = 4, FILMS = 8;

function config(recipe: Partial<Recipe> = {}, changes: Partial<EngineConfig> = {}): EngineConfig {
  const channels = changes.channels ?? 1;
  return {
    network: "efficientnet_b0",
    size: SIZE,
    channels,
    device: "auto",
    precision: "fp32",
    threads: 2,
    seed: 3,
    silo: 1,
    recipe: preset("deck", { batch: BATCH, ...recipe }),
    classWeights: [1, 1],
    preprocessing: preprocessingOf(channels),
    ...changes,
  };
}

const dataset = () => stripedFilms(libs, { films: FILMS, size: SIZE });

function chunk(firstStep: number, steps: number, batch = BATCH): Chunk {
  return {
    firstStep,
    lr: new Float32Array(steps).fill(0.3),
    clip: new Float32Array(steps).fill(3),
    indices: Uint32Array.from({ length: steps * batch }, (_, i) => (firstStep * batch + i) % FILMS),
  };
}

const start = randomWeights(layoutOf("efficientnet_b0", { channels: 1 }), 5);

/** The vector after `steps` steps in chunks of `size` from the same start. */
async function trained(settings: EngineConfig, steps: number, size: number): Promise<Float32Array> {
  using engine = await Engine.create(settings, libs);
  using data = await dataset();
  await engine.writeVector(start);
  for (let k = 0; k < steps; k += size) await engine.train(data, chunk(k, size));
  return await engine.readVector();
}

Deno.test("nativeConfig: graph, deterministic and portable are off unless they are asked for", () => {
  for (const on of [false, true]) {
    const asked = on ? { graph: true, deterministic: true, portable: true } : {};
    const { graph, deterministic, portable } = JSON.parse(nativeConfig(config({}, asked)));
    assertEquals([graph, deterministic, portable], [on, on, on]);
  }
});

Deno.test("Engine.layout equals layoutOf, 1 and 3 channels", async () => {
  for (const channels of [1, 3] as const) {
    using engine = await Engine.create(config({}, { channels }), libs);
    assertEquals(engine.layout, layoutOf("efficientnet_b0", { channels }));
  }
});

Deno.test("Engine.readVector gives writeVector's bits back, in OIHW order, 3 channels", async () => {
  using engine = await Engine.create(config({}, { channels: 3 }), libs);
  const vector = Float32Array.from({ length: engine.layout.length }, (_, i) => i / 7);
  await engine.writeVector(vector);
  assertEquals(await engine.readVector(), vector);
  await assertRejects(() => engine.writeVector(vector.subarray(1)), NativeError, "expected");
});

Deno.test("Engine.train lowers the loss and reports finite norms", async () => {
  const recipe = preset("default", { batch: FILMS, dropout: 0, stochasticDepth: 0 });
  using engine = await Engine.create(config(recipe), libs);
  using data = await dataset();
  await engine.writeVector(start);
  const { losses, norms, skipped } = await engine.train(data, chunk(0, 4, FILMS));
  assertLess(losses[3], losses[0]);
  assert(norms.every((x) => x > 0 && Number.isFinite(x)));
  assertEquals(skipped, 0);
});

Deno.test("Engine.train: same seed, same bits, in chunks of 1 or 2; another seed or silo, others", async () => {
  const once = await trained(config(), 2, 2);
  assertEquals(await trained(config(), 2, 1), once);
  assertNotEquals(await trained(config({}, { seed: 4 }), 2, 2), once);
  assertNotEquals(await trained(config({}, { silo: 2 }), 2, 2), once);
});

Deno.test("Engine.train, deterministic: on the CPU nothing changes", async () => {
  assertEquals(
    await trained(config({}, { device: "cpu", deterministic: true }), 2, 2),
    await trained(config({}, { device: "cpu" }), 2, 2),
  );
});

Deno.test("Engine.train, portable: on the CPU the steps of a GPU, near the CPU's own but other bits", async () => {
  const cpu = { device: "cpu" } as const;
  using loops = await Engine.create(config({}, cpu), libs);
  using steps = await Engine.create(config({}, { ...cpu, portable: true }), libs);
  using data = await dataset();
  const losses: number[] = [];
  for (const engine of [loops, steps]) {
    await engine.writeVector(start);
    losses.push((await engine.train(data, chunk(0, 1))).losses[0]);
  }
  assertAlmostEquals(losses[1], losses[0], 1e-3 * losses[0]);
  assertEquals(steps.info.device, "cpu");
  assertNotEquals(await steps.readVector(), await loops.readVector());
});

for (const portable of [false, true]) {
  const of = portable ? "the steps of a GPU" : "the CPU's own steps";
  Deno.test(`Engine.train, ${of}: BatchNorm's statistics follow the films, stay where they are fixed, and follow again`, async () => {
    const { weights } = layoutOf("efficientnet_b0", { channels: 1 });
    using engine = await Engine.create(config({}, { device: "cpu", portable }), libs);
    using data = await dataset();
    await engine.writeVector(start);
    const vectors: Float32Array[] = [start];
    for (const [step, fixed] of [true, false, true, false].entries()) {
      await engine.train(data, { ...chunk(step, 1), fixed });
      const before = vectors.at(-1)!, after = await engine.readVector();
      const stayed = after.subarray(weights).every((value, i) => value === before[weights + i]);
      assertEquals(stayed, fixed);
      assertNotEquals(after.subarray(0, weights), before.subarray(0, weights));
      vectors.push(after);
    }
  });
}

Deno.test("Engine.train with fixed statistics: a film's loss does not hang on the others of its step", async () => {
  // The loss of two films is the mean of each one's: not so where a batch is normalised by itself.
  const settings = {
    augment: { flip: false, rotation: 0, brightness: 0, contrast: 0 },
    dropout: 0,
    stochasticDepth: 0,
    lr: 1e-3,
    loss: { gamma: 0, alpha: 1, classWeights: false },
  };
  const loss = async (films: [number, number], fixed: boolean) => {
    using engine = await Engine.create(config({ ...settings, batch: 2 }, { device: "cpu" }), libs);
    using data = await dataset();
    await engine.writeVector(start);
    const step = { ...chunk(0, 1, 2), indices: Uint32Array.from(films), fixed };
    return (await engine.train(data, step)).losses[0];
  };
  const apart = async (fixed: boolean) => (await loss([0, 0], fixed) + await loss([1, 1], fixed)) / 2;
  assertAlmostEquals(await loss([0, 1], true), await apart(true), 1e-5);
  assert(Math.abs(await loss([0, 1], false) - await apart(false)) > 1e-3);
});

for (const portable of [false, true]) {
  const of = portable ? "the steps of a GPU" : "the CPU's own steps";
  Deno.test(`Engine.train with the head alone, ${of}: all before it keeps its bits and is what prediction sees`, async () => {
    const recipe = headOnly(preset("default", { batch: FILMS, dropout: 0, weightDecay: 0.1 }));
    using engine = await Engine.create(config(recipe, { device: "cpu", portable }), libs);
    using data = await dataset();
    const from = start.with(7, 1e-40); // the smallest of numbers stay too
    for (const { name, offset, length } of engine.layout.tensors) {
      if (name.endsWith("running_var")) from.fill(0.1, offset, offset + length); // so that films give features
    }
    await engine.writeVector(from);
    const logits = await engine.predict(data, Uint32Array.from({ length: FILMS }, (_, film) => film));
    const { losses } = await engine.train(data, { ...chunk(0, 3, FILMS), fixed: true });
    assertAlmostEquals(losses[0], meanLoss(logits, [0, 1, 0, 1, 0, 1, 0, 1], recipe, [1, 1]), 1e-4);
    const trained = await engine.readVector();
    assertEquals(tensorsThatDiffer(engine.layout, from, trained), HEAD_TENSORS);
  });
}

Deno.test("Engine.resetOptimizer makes the next chunk repeat the first", async () => {
  using engine = await Engine.create(config(), libs);
  using data = await dataset();
  const round = async () => {
    await engine.writeVector(start);
    await engine.train(data, chunk(0, 2));
    return await engine.readVector();
  };
  const first = await round();
  assertNotEquals(await round(), first);
  await engine.resetOptimizer();
  assertEquals(await round(), first);
});

Deno.test("Engine.train skips a step whose gradient is not finite and changes no weight", async () => {
  using engine = await Engine.create(config(), libs);
  using data = await dataset();
  const broken = start.slice();
  broken[layoutOf("efficientnet_b0", { channels: 1 }).weights - 1] = NaN; // the classifier's bias
  await engine.writeVector(broken);
  assertEquals((await engine.train(data, { ...chunk(0, 2), fixed: true })).skipped, 2);
  assertEquals(await engine.readVector(), broken);
});

Deno.test("Engine.predict scores each row alike in any order and after training with new weights", async () => {
  using engine = await Engine.create(config(), libs);
  using data = await dataset();
  await engine.writeVector(start);
  const before = await engine.predict(data, Uint32Array.of(0, 1, 2, 3));
  const reversed = await engine.predict(data, Uint32Array.of(3, 2, 1, 0));
  // A row's place in the batch may change its last bits: kernels take rows at the end of a batch another way.
  before.forEach((z, i) => assertAlmostEquals(reversed[3 - i], z, 1e-4 * Math.abs(z)));
  assertEquals(new Set(before).size, 4);
  await engine.train(data, chunk(0, 2));
  assertNotEquals(await engine.predict(data, Uint32Array.of(0, 1, 2, 3)), before);
  assertEquals((await engine.predict(data, new Uint32Array(0))).length, 0);
});

Deno.test({
  name: "Engine.create refuses cuda in the library for the CPU, naming what to install or choose",
  ignore: await flavourOf(libs.libtorch) === "cuda",
  fn: async () => {
    const cuda = await assertRejects(() => Engine.create(config({}, { device: "cuda" }), libs), NativeError);
    assertEquals(cuda.code, "not_built");
    for (const part of ["built for the CPU only", "libcuda.so.1", 'device "cpu"']) {
      assertStringIncludes(cuda.message, part);
    }
    using auto = await Engine.create(config({}, { precision: "auto" }), libs);
    assertEquals(auto.info.device, "cpu");
  },
});

Deno.test("Engine.create refuses numbers out of range with their code and field", async () => {
  const wrong = await assertRejects(() => Engine.create(config({}, { size: 16 }), libs), NativeError);
  assertEquals([wrong.op, wrong.code], ["fedx_engine_create", "config"]);
  assertStringIncludes(wrong.message, "size: expected");
});

Deno.test("Engine.train refuses rows outside the data set and arrays that do not match", async () => {
  using engine = await Engine.create(config(), libs);
  using data = await dataset();
  await assertRejects(
    () => engine.train(data, { ...chunk(0, 1), indices: new Uint32Array(BATCH).fill(FILMS) }),
    NativeError,
    "rows",
  );
  await assertRejects(
    () => engine.train(data, { ...chunk(0, 1), clip: new Float32Array(2) }),
    RangeError,
    "clip norms",
  );
});

Deno.test("Engine.cancel rejects queued chunks with code cancelled and finishes the one under way", async () => {
  using engine = await Engine.create(config(), libs);
  using data = await dataset();
  await engine.writeVector(start);
  const results = [
    engine.train(data, chunk(0, 4)),
    engine.train(data, chunk(4, 4)),
    engine.train(data, chunk(8, 4)),
  ];
  engine.cancel();
  const codes = (await Promise.allSettled(results)).map((r) =>
    r.status === "rejected" ? r.reason.code : "done"
  );
  assertEquals(codes.slice(1), ["cancelled", "cancelled"]);
});

Deno.test("liveHandles is 0 when all is disposed, twice too, and a disposed handle is refused", async () => {
  assertEquals(liveHandles(), 0);
  const engine = await Engine.create(config(), libs);
  const data = await dataset();
  assertEquals(liveHandles(), 2);
  data[Symbol.dispose]();
  engine[Symbol.dispose]();
  engine[Symbol.dispose]();
  assertEquals(liveHandles(), 0);
  const error = await assertRejects(() => engine.readVector(), NativeError);
  assertEquals(error.code, "handle");
});
