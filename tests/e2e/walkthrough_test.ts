import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { drawFilms, SILOS } from "../testing/hospitals.ts";
import { program } from "../testing/program.ts";
import { freePort } from "../testing/free_port.ts";
import { inFolder } from "../testing/folder.ts";

/** The README's shell blocks by the word after `sh`. */
async function blocks(): Promise<Map<string, string>> {
  const readme = await Deno.readTextFile(new URL("../../README.md", import.meta.url));
  return new Map([...readme.matchAll(/^```sh (\w+)\n(.*?)^```$/gms)].map(([, name, text]) => [name, text]));
}

Deno.test("README's walk-through runs word for word, on drawn films of 32 px", () =>
  inFolder(async (dir) => {
    await drawFilms(dir);
    const own = await program();
    const quoted = [own.command, ...own.args].map((word) => `'${word}'`).join(" ");
    await Deno.writeTextFile(`${dir}/fedx`, `#!/bin/sh\nexec ${quoted} "$@"\n`, { mode: 0o755 });
    const script = await blocks();
    const env = { SIZE: "32", ROUNDS: "2", HUB: `127.0.0.1:${freePort()}` };
    const shell = async (name: string) => {
      const text = script.get(name);
      assert(text, `README has no block “sh ${name}”`);
      const output = await new Deno.Command("sh", {
        args: ["-e", "-c", `${script.get("settings")}${text}`],
        cwd: dir,
        env,
        stdin: "null",
      }).output();
      const stderr = new TextDecoder().decode(output.stderr);
      assertEquals(output.code, 0, `block “sh ${name}”: ${stderr}`);
      return new TextDecoder().decode(output.stdout);
    };
    await shell("certificates");
    assertStringIncludes(await shell("prepare"), "shard-c: 176 images");
    assertStringIncludes(await shell("doctor"), "nothing wrong");
    const [hub] = await Promise.all(["hub", ...SILOS].map(shell));
    assertStringIncludes(hub, "2 rounds in");
    assertStringIncludes(await shell("after"), "scores.csv: 176 images");
    assertStringIncludes(await Deno.readTextFile(`${dir}/roc.svg`), "<svg");
    assertEquals((await Deno.readTextFile(`${dir}/scores.csv`)).trim().split("\n").length, 177);
  }));
