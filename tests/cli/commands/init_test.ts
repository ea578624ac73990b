import { assertEquals, assertRejects } from "@std/assert";
import { readSection } from "../../../src/cli/options/config.ts";
import { COMMANDS } from "../../../src/cli/options/commands.ts";
import { run } from "../../../src/cli/commands/init.ts";
import { inFolder } from "../../testing/folder.ts";

Deno.test("init adds the section that a file lacks and refuses one that is there", () =>
  inFolder(async (dir) => {
    const out = `${dir}/fedx.toml`;
    const init = (values: Record<string, unknown>) =>
      run({ values: { out, ...values }, output: { result: () => {} } } as never);
    await init({});
    await init({ silo: "a" });
    await init({ silo: "b" });
    const text = await Deno.readTextFile(out);
    const section = (command: "aggregate" | "train", silo?: string) =>
      readSection(text, { file: out, command: COMMANDS[command], silo });
    assertEquals(section("aggregate").values.budget, 1200);
    assertEquals(section("train", "a").values.tls, `${dir}/tls-a`);
    assertEquals(section("train").silos, ["a", "b"]);
    await assertRejects(() => init({}), Error, "without [run]");
    await assertRejects(() => init({ silo: "a" }), Error, "without [silo.a]");
    assertEquals(await Deno.readTextFile(out), text);
    await init({ silo: "c", force: true });
    assertEquals((await Deno.readTextFile(out)).includes("[run]"), false);
    await Deno.writeTextFile(out, 'silo = { a = { shard = "s" } }\n');
    await assertRejects(() => init({ silo: "b" }), Error, "Cannot read");
    assertEquals(await Deno.readTextFile(out), 'silo = { a = { shard = "s" } }\n');
  }));
