/** Exits in the middle of a chunk: without guardExit most of these crash. FEDX_EXITS sets how many of each (1). */
import { fileURLToPath } from "node:url";
import { assertEquals } from "@std/assert";
import { libraries } from "../testing/libraries.ts";

const libs = await libraries();
const program = `
import { preprocessingOf } from "./src/model/weights/model_file.ts";
import { DataSet } from "./src/model/data_set.ts";
import { guardExit } from "./src/model/shutdown.ts";
import { Engine } from "./src/model/engine.ts";
import { preset } from "./src/model/recipe.ts";
guardExit(console.error);
const [libtorch, shim, how] = Deno.args;
const recipe = preset("default", { batch: 4 });
const libs = { libtorch, shim };
const engine = await Engine.create({ network: "efficientnet_b0", size: 32, channels: 1, device: "cpu", precision: "fp32",
  threads: 2, seed: 1, silo: 0, recipe, classWeights: [1, 1], preprocessing: preprocessingOf(1) }, libs);
const data = await DataSet.create(libs, { n: 4, size: 32 });
const steps = 4096;
engine.train(data, { firstStep: 0, lr: new Float32Array(steps), clip: new Float32Array(steps).fill(1), indices: new Uint32Array(4 * steps) })
  .then(() => console.log("finished"), () => {});
Deno.addSignalListener("SIGTERM", () => Deno.exit(0));
setTimeout(() => {
  if (how === "exit") Deno.exit(7);
  if (how === "throw") throw new Error("thrown");
  if (how === "rejection") Promise.reject(new Error("rejected"));
  if (how === "SIGTERM") Deno.kill(Deno.pid, "SIGTERM");
}, 100 + 100 * Math.random());
`;

const times = Number(Deno.env.get("FEDX_EXITS") ?? 1);
for (const [how, status] of Object.entries({ exit: 7, throw: 1, rejection: 1, SIGTERM: 0 })) {
  Deno.test(`guardExit: ${how} mid-chunk ends with status ${status}, no signal`, async () => {
    const root = fileURLToPath(new URL("../..", import.meta.url));
    const path = `${root}/.exit-${Deno.pid}.partial.ts`;
    await Deno.writeTextFile(path, program);
    try {
      for (let i = 0; i < times; i++) {
        const args = ["run", "-A", "--no-lock", "--no-check", path, libs.libtorch, libs.shim, how];
        const { code, signal, stdout } = await new Deno.Command(Deno.execPath(), {
          args,
          cwd: root,
          stderr: "null",
        }).output();
        assertEquals([code, signal, new TextDecoder().decode(stdout)], [status, null, ""]);
      }
    } finally {
      await Deno.remove(path);
    }
  });
}
