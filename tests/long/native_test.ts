import { fileURLToPath } from "node:url";
import { assertEquals } from "@std/assert";
import { buildNativeTest } from "../../tools/native.ts";
import { libtorchDir } from "../testing/libraries.ts";

Deno.test("native: all tests pass under ASan and UBSan", async () => {
  const { path } = await buildNativeTest({ libtorch: await libtorchDir(), sanitize: true });
  // libtorch is not instrumented: its containers and what it keeps until exit are not ours to report.
  const env = { ASAN_OPTIONS: "detect_container_overflow=0:detect_leaks=0" };
  const args = [fileURLToPath(new URL("../golden/", import.meta.url))];
  const { code, stdout } = await new Deno.Command(path, { args, env, stderr: "inherit" }).output();
  assertEquals(new TextDecoder().decode(stdout).match(/^failed.*$/gm), null);
  assertEquals(code, 0);
});
