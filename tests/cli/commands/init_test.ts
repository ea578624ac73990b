import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { readSection } from "../../../src/cli/options/toml.ts";
import { COMMANDS } from "../../../src/cli/options/commands.ts";
import { inFolder } from "../../testing/folder.ts";
import { runCommand } from "../../testing/run_command.ts";

Deno.test("init adds the section that a file lacks and refuses one that is there", () =>
  inFolder(async (dir) => {
    const out = `${dir}/fedx.toml`;
    const init = async (...args: string[]) => await runCommand("init", "--out", out, ...args);
    const refused = async (args: string[], text: string) => {
      const { code, stderr } = await init(...args);
      assertStringIncludes(stderr, text);
      assert(code > 0);
    };
    await init();
    await init("--silo", "a");
    const { code, stdout } = await init("--silo", "b");
    assertEquals([code, stdout], [0, `${out} written; fill it in, then run: fedx train --silo b\n`]);
    const text = await Deno.readTextFile(out);
    const section = (command: "aggregate" | "train", silo?: string) =>
      readSection({ file: out, text }, { command: COMMANDS[command], silo });
    assertEquals(section("aggregate").values.budget, 1200);
    assertEquals(section("train", "a").values.tls, `${dir}/tls-a`);
    assertEquals(section("train").silos, ["a", "b"]);
    await refused([], "without [run]");
    await refused(["--silo", "a"], "without [silo.a]");
    assertEquals(await Deno.readTextFile(out), text);
    await init("--silo", "c", "--force");
    assertEquals((await Deno.readTextFile(out)).includes("[run]"), false);
    await Deno.writeTextFile(out, 'silo = { a = { shard = "s" } }\n');
    await refused(["--silo", "b"], "Cannot read");
    assertEquals(await Deno.readTextFile(out), 'silo = { a = { shard = "s" } }\n');
  }));
