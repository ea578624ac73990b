import { fileURLToPath } from "node:url";
import { assertEquals } from "@std/assert";
import { buildNativeTest, buildShim } from "../tools/native.ts";
import { runNativeTests } from "./testing/native_program.ts";
import { libtorchDir } from "./testing/libraries.ts";

const libtorch = await libtorchDir();

Deno.test("native: the engine keeps its promises, each test of fedx-test a step", async (t) => {
  const { path } = await buildNativeTest({ libtorch });
  const env = { OMP_WAIT_POLICY: "PASSIVE" }; // as the program sets it: teams that spin starve each other
  const golden = fileURLToPath(new URL("golden/", import.meta.url));
  await runNativeTests({ path, env }, golden, (name, body) => t.step(name, body));
});

Deno.test("buildShim builds nothing when nothing changed", async () => {
  await buildShim({ libtorch });
  assertEquals((await buildShim({ libtorch })).built, false);
});
