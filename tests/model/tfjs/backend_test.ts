import { dirname, join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { startTfjs, WASM_FILE, wasmFolder } from "../../../src/model/tfjs/backend.ts";
import { childFlags } from "../../testing/child.ts";
import { inFolder } from "../../testing/folder.ts";

const MODULE = fileURLToPath(new URL("../../../src/model/tfjs/backend.ts", import.meta.url));

/** Bundles a program that starts tfjs from the folder in its first argument, if any, and adds 2 and 3 with it. */
async function bundle(folder: string): Promise<string> {
  const [source, out] = [`${folder}/main.ts`, `${folder}/app/main.js`];
  await Deno.mkdir(dirname(out));
  await Deno.writeTextFile(
    source,
    `import { startTfjs } from ${JSON.stringify(MODULE)};
    const tf = await startTfjs({ wasmFolder: Deno.args[0] });
    console.log(tf.getBackend(), tf.add(2, 3).dataSync()[0]);`,
  );
  const flags = (await childFlags()).filter((flag) => !flag.startsWith("--no-check"));
  const { success, stderr } = await deno(["bundle", "--platform", "deno", ...flags, "-o", out, source]);
  assert(success, stderr);
  return out;
}

/** A bundle as it runs on a machine without npm packages. */
function runBundle(path: string, ...args: string[]) {
  const flags = ["--allow-all", "--no-config", "--no-lock", "--cached-only"];
  return deno(["run", ...flags, path, ...args], { DENO_DIR: join(dirname(path), "empty") });
}

async function deno(args: string[], env: Record<string, string> = {}) {
  const options = { args, env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...env }, stdin: "null" as const };
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), options).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { success, stdout: out.trim(), stderr: err };
}

Deno.test("startTfjs starts the wasm back end once and leaves no handler of uncaught errors", async () => {
  const events = ["uncaughtException", "unhandledRejection"] as const;
  const before = events.map((event) => process.listenerCount(event));
  const tf = await startTfjs();
  assertEquals(tf.getBackend(), "wasm");
  assert(await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT"));
  assert(await startTfjs({ wasmFolder: "/nowhere" }) === tf);
  assertEquals(events.map((event) => process.listenerCount(event)), before);
});

Deno.test("startTfjs: a bundle runs with WASM_FILE beside it or in a named folder, and says where it misses it", async () => {
  await inFolder(async (folder) => {
    const app = await bundle(folder);
    const missing = await runBundle(app);
    assertEquals(missing.success, false);
    assertStringIncludes(missing.stderr, `expected WebAssembly in ${dirname(app)}/${WASM_FILE}, got nothing`);

    await Deno.mkdir(`${folder}/wasm`);
    await Deno.copyFile(join(await wasmFolder(), WASM_FILE), `${folder}/wasm/${WASM_FILE}`);
    assertEquals((await runBundle(app, `${folder}/wasm`)).stdout, "wasm 5");

    await Deno.copyFile(`${folder}/wasm/${WASM_FILE}`, join(dirname(app), WASM_FILE));
    assertEquals((await runBundle(app)).stdout, "wasm 5");

    await Deno.writeTextFile(join(dirname(app), WASM_FILE), "torn");
    assertStringIncludes((await runBundle(app)).stderr, "got other bytes; install fedx again");
  });
});
