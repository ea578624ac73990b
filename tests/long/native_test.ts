import { fileURLToPath } from "node:url";
import { buildNativeTest } from "../../tools/native.ts";
import { libtorchDir } from "../testing/libraries.ts";
import { runNativeTests } from "../testing/native_program.ts";

Deno.test("native: all tests pass under ASan and UBSan, the long ones too", async (t) => {
  const { path } = await buildNativeTest({ libtorch: await libtorchDir(), sanitize: true });
  // libtorch is not instrumented: its containers and what it keeps until exit are not ours to report.
  const env = { ASAN_OPTIONS: "detect_container_overflow=0:detect_leaks=0" };
  const golden = fileURLToPath(new URL("../golden/", import.meta.url));
  await runNativeTests({ path, env, args: ["--long"] }, golden, (name, body) => t.step(name, body));
});
