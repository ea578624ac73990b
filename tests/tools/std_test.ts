import { fileURLToPath, pathToFileURL } from "node:url";
import { assertEquals } from "@std/assert";
import { standIns } from "../../tools/std.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

Deno.test("standIns: @std entries become our files, all others stay", () => {
  const imports = {
    "@std/assert": "jsr:@std/assert@1.0.19",
    "csv-parse/sync": "npm:csv-parse@7.0.3/sync",
  };
  assertEquals(standIns(imports), {
    imports: { "@std/assert": "../../src/shim/std/assert.ts", "csv-parse/sync": "npm:csv-parse@7.0.3/sync" },
  });
});

Deno.test("standIns: each jsr entry of deno.json has its stand-in", async () => {
  const { imports } = JSON.parse(await Deno.readTextFile(`${ROOT}deno.json`));
  const targets = Object.values(standIns(imports).imports);
  assertEquals(targets.filter((target) => target.startsWith("jsr:")), []);
  for (const target of targets.filter((path) => path.startsWith("../"))) {
    assertEquals((await Deno.stat(new URL(target, pathToFileURL(`${ROOT}native/build/`)))).isFile, true);
  }
});
