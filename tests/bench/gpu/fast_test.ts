import { assertAlmostEquals, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { DataSet } from "../../../src/model/data_set.ts";
import { Engine, type EngineConfig } from "../../../src/model/engine.ts";
import { nativeConfig } from "../../../src/model/engine_config.ts";
import { layoutOf } from "../../../src/model/layout.ts";
import { preset } from "../../../src/model/recipe.ts";
import { preprocessingOf } from "../../../src/model/weights/model_file.ts";
import { randomWeights } from "../../../src/model/weights/random.ts";
import { bytesOf } from "../../../src/shim/library.ts";
import { inFolder } from "../../testing/folder.ts";
import { libraries } from "../../testing/libraries.ts";

const libs = await libraries();
const GPU = fileURLToPath(new URL("../../../bench/gpu", import.meta.url));
const CASES = fileURLToPath(new URL("fast_cases.py", import.meta.url));
const PYTHON = Deno.env.get("FEDX_PYTHON") ?? "python3";
const SIZE = 32, BATCH = 4;

/** What Python prints; `env` is added to its environment. */
async function python(args: string[], env: Record<string, string> = {}): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(PYTHON, { args: ["-B", ...args], env }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  assertEquals(code, 0, text(stdout) + text(stderr));
  return text(stdout);
}

const ignore = await python(["-c", ""]).then(() => false, () => true);
if (ignore) console.log(`skipped: bench/gpu in Python (${PYTHON} does not start)`);

/** What bench/gpu measures with, in a small engine. */
const CONFIG: EngineConfig = {
  ...{ network: "efficientnet_b0", size: SIZE, channels: 1, device: "cpu", precision: "fp32", threads: 2 },
  ...{ seed: 1, silo: 0, classWeights: [1, 1], preprocessing: preprocessingOf(1), portable: true },
  recipe: preset("deck", {
    ...{ batch: BATCH, lr: 1e-4 },
    augment: { flip: false, rotation: 0, brightness: 0, contrast: 0 },
  }),
};

/** One step through ctypes: writes its loss as a figure and prints the config. */
const STEP = `
import sys
sys.path.insert(0, sys.argv[1])
import shim as abi
settings = dict(size=${SIZE}, batch=${BATCH}, threads=2, portable=True)
shim = abi.Shim("cpu")
engine = abi.Engine(shim, **settings)
engine.write(open(sys.argv[2], "rb").read())
data = abi.DataSet(shim, open(sys.argv[3], "rb").read(), bytes([0, 1, 0, 1]), ${SIZE})
losses, norms, skipped = engine.train(data, abi.array("I", range(${BATCH})))
abi.figure("one step", "loss", losses[0])
shim.close()
print(abi.config(**settings))
`;

Deno.test({
  name: "bench/gpu/shim.py trains as the engine does here, from the same config, and writes a figure",
  ignore,
  fn: () =>
    inFolder(async (dir) => {
      const start = randomWeights(layoutOf("efficientnet_b0", { channels: 1 }), 5);
      const pixels = Uint8Array.from({ length: BATCH * SIZE * SIZE }, (_, i) => (i * 7919) % 251);
      await Deno.writeFile(`${dir}/start`, bytesOf(start));
      await Deno.writeFile(`${dir}/pixels`, pixels);
      const env = { FEDX_LIBTORCH: libs.libtorch, FEDX_SHIM: libs.shim, FEDX_GPU_FIGURES: `${dir}/figures` };
      const said = await python(["-c", STEP, GPU, `${dir}/start`, `${dir}/pixels`], env);
      assertEquals(JSON.parse(said.trim().split("\n").at(-1)!), JSON.parse(nativeConfig(CONFIG)));

      using engine = await Engine.create(CONFIG, libs);
      using data = await DataSet.create(libs, { n: BATCH, size: SIZE });
      await data.put(0, pixels);
      data.labels(0, new Uint8Array([0, 1, 0, 1]));
      await engine.writeVector(start);
      const lr = new Float32Array([1]), clip = new Float32Array([3]);
      const indices = Uint32Array.from({ length: BATCH }, (_, i) => i);
      const { losses } = await engine.train(data, { firstStep: 0, lr, clip, indices });
      const { value, ...figure } = JSON.parse(await Deno.readTextFile(`${dir}/figures`));
      assertEquals(figure, { group: "one step", name: "loss" });
      assertAlmostEquals(value, losses[0], 1e-3 * losses[0]);
    }),
});

Deno.test({
  name:
    "bench/gpu says of a GPU's profiler and allocator what they recorded, and of the rest why it is missing",
  ignore,
  fn: async () => {
    await python([CASES]);
  },
});
