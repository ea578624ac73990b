/** Blocks against PyTorch's. The whole network: predictor_test.ts. */
import { fileURLToPath } from "node:url";
import { assertAlmostEquals, assertEquals } from "@std/assert";
import { layoutOf } from "../../../src/model/layout.ts";
import { PURPOSE, uniforms } from "../../../src/model/philox.ts";
import { startTfjs } from "../../../src/model/tfjs/backend.ts";
import { EFFICIENTNET_B0 } from "../../../src/model/networks/efficientnet_b0.ts";
import type { Operation } from "../../../src/model/networks/network.ts";
import { sequence } from "../../../src/model/tfjs/network.ts";
import { Weights } from "../../../src/model/tfjs/weights.ts";
import { KEY, vectorOf } from "../../golden/model.ts";

interface Block {
  name: string;
  input: [number, number, number, number];
  output: number[];
  norm: number;
  probes: number[];
}

const tf = await startTfjs();
const layout = layoutOf("efficientnet_b0", { channels: 1 });
const vector = vectorOf(layout);
const golden: Block[] = JSON.parse(
  await Deno.readTextFile(fileURLToPath(new URL("../../golden/mbconv.json", import.meta.url))),
);

/** The operation of EfficientNet-B0 that has the block of this name. */
function operationOf(name: string): Operation {
  return EFFICIENTNET_B0.operations.find((one) => JSON.stringify(one).includes(`"${name}.block.`))!;
}

for (const { name, input, output, norm, probes } of golden) {
  Deno.test(`sequence: a block equals torchvision's float64 block ${name}, input ${input}`, () => {
    const before = tf.memory().numTensors;
    using weights = new Weights(tf, { vector, layout });
    const values = uniforms(KEY, { purpose: PURPOSE.measure }, input.reduce((a, b) => a * b));
    const got = tf.tidy(() => {
      const x = tf.transpose(tf.tensor4d(values.map((u) => 2 * u - 1), input), [0, 2, 3, 1]);
      return tf.transpose(sequence(weights, [operationOf(name)])(x), [0, 3, 1, 2]);
    });
    assertEquals(got.shape, output);
    const flat = got.dataSync<"float32">();
    got.dispose();
    probes.forEach((want, j) => assertAlmostEquals(flat[Math.floor(j * flat.length / 64)], want, 1e-5));
    assertAlmostEquals(Math.hypot(...flat), norm, 1e-5 * norm);
    weights[Symbol.dispose]();
    assertEquals(tf.memory().numTensors, before);
  });
}
