/** Importing a module opens a library, reads a file or fetches anything only where a program asks for it. */
import { pathToFileURL } from "node:url";
import { assertEquals, assertStringIncludes } from "@std/assert";
import { ROOT, sources } from "./sources.ts";

/** Imports modules in a Deno that may read no file, no variable, no network; returns what it says. */
async function importBare(modules: string[]): Promise<string> {
  const build = `${ROOT}native/build`;
  const map = await Deno.stat(`${build}/import_map.json`).then(
    () => [`--import-map=${build}/import_map.json`],
    () => [],
  );
  const flags = [
    "--quiet",
    "--no-prompt",
    "--no-check",
    `--config=${ROOT}deno.json`,
    `--lock=${build}/deno.lock`,
  ];
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", ...flags, ...map, "-"],
    env: { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", RUST_BACKTRACE: "0" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(modules.map((module) => `import "${module}";\n`).join("")));
  await writer.close();
  const { success, stderr } = await child.output();
  return success ? "" : new TextDecoder().decode(stderr).trim().split("\n")[0];
}

Deno.test("architecture: importing a module opens, reads and fetches nothing", async () => {
  const modules = (await sources()).map(({ path }) => path).filter((path) => /^(src\/|mod\.ts)/.test(path));
  assertEquals(await importBare(modules.map((path) => pathToFileURL(`${ROOT}${path}`).href)), "");
  const bad = `data:text/javascript,${encodeURIComponent('Deno.readTextFileSync("/etc/hostname")')}`;
  assertStringIncludes(await importBare([bad]), "read access");
});
