/** The examples of mod.ts, type-checked and run as the one program that they are. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { childFlags } from "./testing/child.ts";
import { inFolder } from "./testing/folder.ts";
import { libraries } from "./testing/libraries.ts";

const MOD = new URL("../mod.ts", import.meta.url);
const libs = await libraries();

/** The code of each example, in order. */
function examplesOf(source: string): string[] {
  const blocks = source.matchAll(/^ \* ```ts\n([\s\S]*?)^ \* ```$/gm);
  return Array.from(blocks, ([, block]) => block.replaceAll(/^ \* ?/gm, ""));
}

Deno.test("mod.ts: every example is type-checked and runs, each with the files of those before it", () =>
  inFolder(async (folder) => {
    const examples = examplesOf(await Deno.readTextFile(MOD));
    const names = ["prepareShard", "runAggregator", "runSilo", "runLocal", "predict", "Engine.create"];
    for (const name of names) assertStringIncludes(examples.join(""), `${name}(`);
    const lines: string[] = [];
    for (const [index, code] of examples.entries()) {
      const text = code.replace('"@fedx/fedx"', JSON.stringify(MOD.href));
      await Deno.writeTextFile(`${folder}/example${index}.ts`, text);
      lines.push(`await import("./example${index}.ts"); console.log("example ${index} done");`);
    }
    await Deno.writeTextFile(`${folder}/main.ts`, lines.join("\n"));
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--check", "--quiet", "--allow-all", ...await childFlags(), "main.ts"],
      cwd: folder,
      env: { FEDX_LIBTORCH: libs.libtorch, FEDX_SHIM: libs.shim, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" },
    }).output();
    const said = new TextDecoder().decode(stdout);
    assertEquals(success, true, `${said}\n${new TextDecoder().decode(stderr)}`);
    examples.forEach((_, index) => assertStringIncludes(said, `example ${index} done`));
  }));

Deno.test("mod.ts: examples are found whole, without their stars", () => {
  assertEquals(examplesOf("/**\n * a\n *\n * ```ts\n * const x = 1;\n *\n * f(x);\n * ```\n */"), [
    "const x = 1;\n\nf(x);\n",
  ]);
});
