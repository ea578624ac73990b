import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { FILTER } from "../../../src/kernel.ts";
import { digest } from "../../../src/files/digest.ts";
import {
  loadModel,
  type ModelMetadata,
  preprocessingOf,
  saveModel,
} from "../../../src/model/weights/model_file.ts";
import { randomWeights } from "../../../src/model/weights/random.ts";
import { layoutOf } from "../../../src/model/layout.ts";
import { NETWORK_NAMES } from "../../../src/model/networks/networks.ts";
import { readSafetensors } from "../../../src/model/weights/safetensors.ts";
import { safetensorsFile } from "../../testing/safetensors_file.ts";
import { inFolder } from "../../testing/folder.ts";

const layout = layoutOf("efficientnet_b0", { channels: 1 });
const metadata: ModelMetadata = {
  network: "efficientnet_b0",
  channels: 1,
  size: 64,
  preprocessing: preprocessingOf(1),
  proposal: { seed: 3 },
  round: 4,
};
const weights = randomWeights(layout, 1);
const python = Deno.env.get("FEDX_PYTHON");
if (python === undefined) {
  console.log("skipped: load_state_dict in Python (name a python with torch in FEDX_PYTHON)");
}

Deno.test("loadModel returns saveModel's vector and metadata bit for bit, and no temporary file stays", () =>
  inFolder(async (folder) => {
    const path = join(folder, "model.safetensors");
    await saveModel(path, weights, layout, metadata);
    const read = await loadModel(path);
    assertEquals([digest(read.vector), read.checked], [digest(weights), true]);
    assertEquals(read.metadata, metadata);
    assertEquals(await readdir(folder), ["model.safetensors"]);
  }));

Deno.test("saveModel writes all 360 keys of torchvision's state_dict, counters as i64 zero", () =>
  inFolder(async (folder) => {
    const path = join(folder, "model.safetensors");
    await saveModel(path, weights, layout, metadata);
    const { tensors } = readSafetensors(await readFile(path));
    assertEquals(tensors.size, 360);
    const counters = [...tensors].filter(([name]) => name.endsWith(".num_batches_tracked"));
    assertEquals(counters.length, 49);
    assert(counters.every(([, { shape, data }]) => shape.length === 0 && data[0] === 0n));
  }));

Deno.test("loadModel refuses a wrong-shape checkpoint, naming the tensor", () =>
  inFolder(async (folder) => {
    const path = join(folder, "model.safetensors");
    await saveModel(path, weights, layout, metadata);
    const { tensors, metadata: strings } = readSafetensors(await readFile(path));
    tensors.set("features.8.0.weight", { shape: [1280, 1, 1, 1], data: new Float32Array(1280) });
    await writeFile(
      path,
      safetensorsFile(tensors, { fedx: strings.fedx.replace('"version":2', '"version":1') }),
    );
    await assertRejects(() => loadModel(path), SyntaxError, "features.8.0.weight of shape [1280,320,1,1]");
    await writeFile(path, safetensorsFile(tensors));
    await assertRejects(() => loadModel(path), SyntaxError, "fedx metadata");
  }));

Deno.test("loadModel names the file, what is wrong with it and what to give instead", () =>
  inFolder(async (folder) => {
    const path = join(folder, "model.safetensors");
    const refused = (at: string, text: string) =>
      assertRejects(
        () => loadModel(at),
        SyntaxError,
        `Cannot load model ${at}: ${text} (remedy: name a model.safetensors written by fedx)`,
      );
    await refused(path, "expected a file, got nothing");
    const other = "got a folder where a file should be (remedy: name a file)";
    await assertRejects(() => loadModel(folder), SyntaxError, other);
    await writeFile(path, "");
    await assertRejects(
      () => loadModel(path),
      SyntaxError,
      `Cannot load model ${path}: expected a model, got an empty file (0 bytes) (remedy: copy the file again`,
    );
    await writeFile(path, "no model");
    await assertRejects(() => loadModel(path), SyntaxError, `Cannot load model ${path}: expected a header`);
    const vector = weights.slice();
    const changes: [Partial<Record<keyof ModelMetadata, unknown>>, string][] = [
      [{ size: 64.5 }, "expected a size from 8 to 1024 px, got 64.5"],
      [{ size: 1e6 }, "expected a size from 8 to 1024 px, got 1000000"],
      [{ channels: 2 }, "expected 1 or 3 channels, got 2"],
      [{ network: "b1" }, `expected network efficientnet_b0, resnet18, densenet121, got "b1"`],
      [{ preprocessing: null }, "expected preprocessing with a mean and a deviation per channel, got null"],
    ];
    for (const [change, text] of changes) {
      await saveModel(path, vector, layout, { ...metadata, ...change } as ModelMetadata);
      await refused(path, text);
    }
    vector[layout.length - 1] = NaN;
    await saveModel(path, vector, layout, metadata);
    await refused(path, "expected finite weights, got NaN in features.8.1.running_var");
  }));

Deno.test("saveModel that fails leaves the old file", () =>
  inFolder(async (folder) => {
    const path = join(folder, "model.safetensors");
    await saveModel(path, weights, layout, metadata);
    const before = await readFile(path);
    await assertRejects(() => saveModel(path, new Float32Array(5), layout, metadata), RangeError, "got 5");
    assertEquals(before.equals(await readFile(path)), true);
  }));

Deno.test("preprocessingOf names the kernel that shards are made with", () => {
  assertEquals(preprocessingOf(1), { kernel: FILTER, fit: "fill", mean: [0.449], deviation: [0.226] });
  assertEquals(preprocessingOf(3).mean.length, 3);
});

for (const network of NETWORK_NAMES) {
  Deno.test({
    name:
      `${network}: a model of saveModel loads in torchvision by load_state_dict(strict), with the same values`,
    ignore: python === undefined,
    fn: () =>
      inFolder(async (folder) => {
        const path = join(folder, "model.safetensors");
        const layout = layoutOf(network, { channels: 1 });
        const weights = randomWeights(layout, 3);
        await saveModel(path, weights, layout, { ...metadata, network });
        const script = fileURLToPath(new URL("../../golden/load_model.py", import.meta.url));
        const { stdout, stderr, success } = await new Deno.Command(python!, { args: [script, path] })
          .output();
        assert(success, new TextDecoder().decode(stderr));
        assertEquals(new TextDecoder().decode(stdout).trim(), digest(weights));
      }),
  });
}
