import { assert, assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import { normals, randomWeights } from "../../../src/model/weights/random.ts";
import { layoutOf } from "../../../src/model/layout.ts";

const layout = layoutOf("efficientnet_b0", { channels: 1 });
const drawn = randomWeights(layout, 1);

function moments(values: Float32Array): { mean: number; deviation: number } {
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  return { mean, deviation: Math.sqrt(values.reduce((s, v) => s + (v - mean) ** 2, 0) / values.length) };
}

Deno.test("normals have mean 0, deviation 1 and no infinity, and a shorter draw is a prefix", () => {
  const drawn = normals({ seed: 5, silo: 0 }, { purpose: 1 }, 100_001);
  const { mean, deviation } = moments(drawn);
  assert(Math.abs(mean) < 0.01 && Math.abs(deviation - 1) < 0.01, `${mean} ${deviation}`);
  assert(drawn.every(Number.isFinite));
  assertEquals([...normals({ seed: 5, silo: 0 }, { purpose: 1 }, 7)], [...drawn.slice(0, 7)]);
});

Deno.test("randomWeights draws convolutions by fan_out and sets BatchNorm to the identity", () => {
  const view = (name: string) => {
    const t = layout.tensors.find((t) => t.name === name)!;
    return drawn.subarray(t.offset, t.offset + t.length);
  };
  assertAlmostEquals(moments(view("features.8.0.weight")).deviation, Math.sqrt(2 / 1280), 2e-4);
  assertAlmostEquals(
    moments(view("features.3.0.block.1.0.weight")).deviation,
    Math.sqrt(2 / (144 * 25)),
    1e-3,
  );
  const head = view("classifier.1.weight");
  assert(head.every((w) => Math.abs(w) <= 1 / Math.sqrt(1280)) && moments(head).deviation > 0.01);
  assert(
    view("features.0.1.weight").every((w) => w === 1) &&
      view("features.0.1.running_var").every((w) => w === 1),
  );
  assert(
    view("features.0.1.bias").every((w) => w === 0) &&
      view("features.0.1.running_mean").every((w) => w === 0),
  );
});

Deno.test("randomWeights draws DenseNet's convolutions by fan_in, as torchvision does", () => {
  const layout = layoutOf("densenet121", { channels: 1 });
  const { offset, length } = layout.tensors.find(({ name }) => name === "features.transition3.conv.weight")!;
  const values = randomWeights(layout, 1).subarray(offset, offset + length);
  assertAlmostEquals(moments(values).deviation, Math.sqrt(2 / 1024), 2e-4);
});

Deno.test("randomWeights is a function of the seed", () => {
  assertEquals(randomWeights(layout, 1), drawn);
  assertNotEquals(randomWeights(layout, 2).subarray(0, 99), drawn.subarray(0, 99));
});
