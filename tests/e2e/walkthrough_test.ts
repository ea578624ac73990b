import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { assertShown, blocks, page, WALKTHROUGH } from "../testing/pages.ts";
import { drawFilms, SILOS } from "../testing/hospitals.ts";
import { program } from "../testing/program.ts";
import { freePort } from "../testing/free_port.ts";
import { inFolder } from "../testing/folder.ts";

/** The page's settings, and smaller ones that it lets the environment say. */
const SETTINGS = { SIZE: ["128", "32"], ROUNDS: ["10", "2"] } as const;

/** What the page shows, with this test's settings for the page's own. */
function smaller(text: string): string {
  const [size, rounds] = [SETTINGS.SIZE, SETTINGS.ROUNDS];
  return text.replace(`${size[0]} px`, `${size[1]} px`).replace(`${rounds[0]} rounds`, `${rounds[1]} rounds`);
}

Deno.test("the walk-through of docs/getting-started.md runs word for word, on drawn films of 32 px", () =>
  inFolder(async (dir) => {
    await drawFilms(dir, { train: 96 });
    const own = await program();
    const quoted = [own.command, ...own.args].map((word) => `'${word}'`).join(" ");
    await Deno.writeTextFile(`${dir}/fedx`, `#!/bin/sh\nexec ${quoted} "$@"\n`, { mode: 0o755 });
    const named = new Map(blocks(await page(WALKTHROUGH)).map(({ name, text }) => [name, text]));
    const left = new Set(named.keys());
    const block = (name: string) => {
      const text = named.get(name);
      assert(text, `${WALKTHROUGH} has no block ${name}`);
      left.delete(name);
      return text;
    };
    const env = { SIZE: SETTINGS.SIZE[1], ROUNDS: SETTINGS.ROUNDS[1], HUB: `127.0.0.1:${freePort()}` };
    const shell = async (name: string) => {
      const output = await new Deno.Command("sh", {
        args: ["-e", "-c", `unset FEDX_WEIGHTS\n${block("settings")}${block(name)}`],
        cwd: dir,
        env,
        stdin: "null",
      }).output();
      const [stdout, stderr] = [output.stdout, output.stderr].map((bytes) => new TextDecoder().decode(bytes));
      assertEquals(output.code, 0, `block “sh ${name}”: ${stderr}`);
      return { stdout, stderr };
    };
    await shell("certificates");
    assertStringIncludes((await shell("prepare")).stdout, "shard-c: 136 images");
    assertStringIncludes((await shell("doctor")).stdout, "nothing wrong");
    const [hub, ...silos] = await Promise.all(["hub", ...SILOS].map(shell));
    // Figures differ from run to run; where the files are and what comes next does not.
    const ends = block("end").split("\n").filter((line) => line.includes("fedx-state/a/"));
    assertEquals(ends.length, 4);
    for (const line of ends) assertShown(silos[0].stdout, line);
    assertStringIncludes(hub.stdout, "2 rounds in");
    for (const { stderr } of silos) {
      assertShown(stderr.replaceAll(/^\S+Z /gm, ""), smaller(block("proposal")));
    }
    assertStringIncludes((await shell("after")).stdout, "scores.csv: 136 images");
    assertStringIncludes(await Deno.readTextFile(`${dir}/roc.svg`), "<svg");
    assertEquals((await Deno.readTextFile(`${dir}/scores.csv`)).trim().split("\n").length, 137);
    assertEquals([...left], [], "blocks that nothing ran");
  }));
