/** One suite for whatever scores films: the native engine and tfjs keep the same promises. */
import { fileURLToPath } from "node:url";
import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { preprocessingOf } from "../../src/model/weights/model_file.ts";
import { Engine } from "../../src/model/engine.ts";
import { liveHandles } from "../../src/model/shutdown.ts";
import { layoutOf } from "../../src/model/layout.ts";
import { NETWORK_NAMES, type NetworkName } from "../../src/model/networks/networks.ts";
import type { Model, Predictor } from "../../src/model/predictor.ts";
import { startTfjs } from "../../src/model/tfjs/backend.ts";
import { TfjsPredictor } from "../../src/model/tfjs/predictor.ts";
import { films, vectorOf } from "../golden/model.ts";
import { libraries } from "../testing/libraries.ts";

const FILMS = 8;
const libs = await libraries();
const tf = await startTfjs();

/** The weights of the golden logits, made once each: millions of random numbers are not drawn in an instant. */
const vectors = new Map<string, Float32Array<ArrayBuffer>>();

function modelOf(size: number, channels: 1 | 3, network: NetworkName = "efficientnet_b0"): Model {
  const layout = layoutOf(network, { channels });
  const preprocessing = preprocessingOf(channels);
  const vector = vectors.get(`${network} ${channels}`) ?? vectorOf(layout);
  vectors.set(`${network} ${channels}`, vector);
  return { layout, vector, metadata: { network, size, channels, preprocessing } };
}

const PREDICTORS: Record<string, (model: Model) => Promise<Predictor>> = {
  Engine: (model) => Engine.open(model, { libraries: libs, device: "cpu", threads: 2 }),
  TfjsPredictor: (model) => TfjsPredictor.create(model),
};

const all = (count: number) => Uint32Array.from({ length: count }, (_, row) => row);

async function logitsOf(name: string, model: Model, count = FILMS): Promise<Float32Array> {
  using predictor = await PREDICTORS[name](model);
  using held = await predictor.films(count);
  await held.put(0, films(count, model.metadata.size));
  return await predictor.predict(held, all(count));
}

function assertClose(got: Float32Array, want: ArrayLike<number>): void {
  assertEquals(got.length, want.length);
  got.forEach((z, i) => assertAlmostEquals(z, want[i], 1e-4 * Math.max(1, Math.abs(want[i]))));
}

const golden = JSON.parse(
  await Deno.readTextFile(fileURLToPath(new URL("../golden/logits.json", import.meta.url))),
);

for (const name of Object.keys(PREDICTORS)) {
  for (const network of NETWORK_NAMES) {
    for (const channels of [1, 3] as const) {
      Deno.test(`${name}.predict equals torchvision's float64 logits of ${network}, ${channels} channel(s)`, async () => {
        assertClose(await logitsOf(name, modelOf(64, channels, network)), golden[network][channels]);
      });
    }
  }

  Deno.test(`${name}.predict gives each row its logit: in any order, twice, in parts, none`, async () => {
    using predictor = await PREDICTORS[name](modelOf(32, 1));
    using held = await predictor.films(FILMS);
    const pixels = films(FILMS, 32);
    await held.put(3, pixels.subarray(3 * 32 * 32));
    await held.put(0, pixels.subarray(0, 3 * 32 * 32));
    const logits = await predictor.predict(held, all(FILMS));
    assertEquals(new Set(logits).size, FILMS);
    assertClose(await predictor.predict(held, Uint32Array.of(5, 0, 5)), [logits[5], logits[0], logits[5]]);
    assertEquals((await predictor.predict(held, new Uint32Array(0))).length, 0);
  });

  Deno.test(`${name}: films that were not put are black`, async () => {
    using predictor = await PREDICTORS[name](modelOf(32, 1));
    using empty = await predictor.films(1);
    using black = await predictor.films(2);
    await black.put(0, films(1, 32));
    await black.put(0, new Uint8Array(32 * 32));
    const want = (await predictor.predict(empty, all(1)))[0];
    assertClose(await predictor.predict(black, all(2)), [want, want]);
  });

  Deno.test(`${name} refuses rows that are not there, films beyond the last and parts of films`, async () => {
    using predictor = await PREDICTORS[name](modelOf(32, 1));
    using held = await predictor.films(2);
    await assertRejects(() => predictor.predict(held, Uint32Array.of(0, 2)), Error, "rows");
    await assertRejects(() => held.put(1, films(2, 32)), Error, "expected");
    await assertRejects(() => held.put(0, new Uint8Array(32 * 32 + 1)), RangeError, "whole images");
  });

  Deno.test(`${name}: disposed of, twice too, it holds nothing and scores nothing`, async () => {
    const before = [liveHandles(), tf.memory().numTensors];
    const predictor = await PREDICTORS[name](modelOf(32, 1));
    const held = await predictor.films(1);
    await predictor.predict(held, all(1));
    for (const each of [held, held, predictor, predictor]) each[Symbol.dispose]();
    assertEquals([liveHandles(), tf.memory().numTensors], before);
    await assertRejects(() => predictor.predict(held, all(1)), Error);
  });
}

const SHAPES = NETWORK_NAMES.flatMap((network) =>
  ([1, 3] as const).map((channels) => ({ network, channels }))
);
for (const { network, channels } of SHAPES) {
  for (const size of [32, 64, 70]) {
    Deno.test(`TfjsPredictor.predict equals Engine's logits of ${network}, ${channels} × ${size} px`, async () => {
      const model = modelOf(size, channels, network);
      // Without bias and with a largest logit of 3: of a logit of 1,000 a bound of 1e-4 would ask for more than float32.
      const [weight, bias] = model.layout.tensors.filter(({ group }) => group === "classifier");
      model.vector = model.vector.slice().fill(0, bias.offset, bias.offset + bias.length);
      const largest = Math.max(...(await logitsOf("Engine", model, 17)).map(Math.abs));
      for (let i = 0; i < weight.length; i++) model.vector[weight.offset + i] *= 3 / largest;
      const want = await logitsOf("Engine", model, 17);
      assert(Math.max(...want) - Math.min(...want) > 0.1); // films differ by far more than the engines may
      assertClose(await logitsOf("TfjsPredictor", model, 17), want);
    });
  }
}

Deno.test("TfjsPredictor.predict lets timers run between batches and keeps no tensor of any", async () => {
  using predictor = await TfjsPredictor.create(modelOf(128, 1));
  using held = await predictor.films(FILMS);
  await predictor.predict(held, all(1));
  const before = tf.memory();
  let ticks = 0;
  const timer = setInterval(() => ticks++, 0);
  await predictor.predict(held, all(FILMS));
  clearInterval(timer);
  assert(ticks > 0);
  assertEquals(tf.memory().numTensors, before.numTensors);
  assertEquals(tf.memory().numBytes, before.numBytes);
});
