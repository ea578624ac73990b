/** Logits of files that torchvision saved; those of the golden weights are in tests/model/predictor_test.ts. */
import { fileURLToPath } from "node:url";
import { assert, assertAlmostEquals } from "@std/assert";
import { preprocessingOf } from "../../src/model/weights/model_file.ts";
import { layoutOf } from "../../src/model/layout.ts";
import { NETWORK_NAMES, type NetworkName } from "../../src/model/networks/networks.ts";
import { DataSet } from "../../src/model/data_set.ts";
import { Engine } from "../../src/model/engine.ts";
import { preset } from "../../src/model/recipe.ts";
import { readTorchFile } from "../../src/model/weights/torch_file.ts";
import { inFolder } from "../testing/folder.ts";
import { libraries } from "../testing/libraries.ts";
import { pythonWithTorchvision } from "../testing/python.ts";
import { films, KEY, vectorOf } from "./model.ts";

const FILMS = 8, SIZE = 64;
const folder = fileURLToPath(new URL(".", import.meta.url));
const libs = await libraries();

async function logitsOf(network: NetworkName, vector: Float32Array): Promise<Float32Array> {
  const recipe = preset("default");
  using engine = await Engine.create(
    {
      network,
      size: SIZE,
      channels: 1,
      device: "cpu",
      precision: "fp32",
      threads: 2,
      ...KEY,
      recipe,
      classWeights: [1, 1],
      preprocessing: preprocessingOf(1),
    },
    libs,
  );
  using data = await DataSet.create(libs, { n: FILMS, size: SIZE });
  await data.put(0, films(FILMS, SIZE));
  await engine.writeVector(vector);
  return await engine.predict(data, Uint32Array.from({ length: FILMS }, (_, i) => i));
}

function assertLogits(got: Float32Array, want: number[]): void {
  assert(got.length === want.length);
  got.forEach((z, i) => assertAlmostEquals(z, want[i], 1e-4 * Math.max(1, Math.abs(want[i]))));
}

const python = await pythonWithTorchvision();

for (const network of NETWORK_NAMES) {
  Deno.test({
    name: `Engine.predict equals torchvision on files of ${network} that it saved, zip and legacy`,
    ignore: python === null,
    fn: () =>
      inFolder(async (dir) => {
        const files = [`${dir}/zip.pth`, `${dir}/legacy.pth`];
        const env = { PYTHONDONTWRITEBYTECODE: "1" };
        const args = [`${folder}logits.py`, network, ...files];
        const { success, stdout } = await new Deno.Command(python!, { args, env, stderr: "inherit" })
          .output();
        assert(success);
        const { logits } = JSON.parse(new TextDecoder().decode(stdout));
        for (const file of files) {
          const saved = await readTorchFile(await Deno.readFile(file));
          const layout = layoutOf(network, { channels: 1 });
          const vector = vectorOf(layout, ({ name }) => saved.get(name)!.data);
          assertLogits(await logitsOf(network, vector), logits);
        }
      }),
  });
}
