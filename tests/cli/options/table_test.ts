/** What the table promises: an option is written down once, and everything that speaks of options has it. */
import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { COMMANDS } from "../../../src/cli/options/commands.ts";
import { longHelp, shortHelp, usageOf } from "../../../src/cli/options/help.ts";
import { initFile } from "../../../src/cli/options/init_file.ts";
import { markdown } from "../../../src/cli/options/markdown.ts";
import type { Option, Table } from "../../../src/cli/options/option.ts";
import { parse } from "../../../src/cli/options/parse.ts";
import { settle } from "../../../src/cli/options/settings.ts";
import { readSection } from "../../../src/cli/options/toml.ts";
import { UsageError } from "../../../src/cli/options/usage_error.ts";
import { inFolder } from "../../testing/folder.ts";

/** The table with one more option of `train`. */
function tableWith(option: Option): Table {
  const { train } = COMMANDS;
  return { ...COMMANDS, train: { ...train, options: { ...train.options, "night-shift": option } } };
}

const NIGHT: Option = {
  kind: "integer",
  value: "HOUR",
  help: "hour at which training may begin",
  more: "Before that hour the silo waits.",
  range: [0, 23],
  default: 22,
};

Deno.test("an option of the table is parsed, with its range and its default", async () => {
  const commands = tableWith(NIGHT);
  assertEquals(parse("train", ["--night-shift", "20"], commands).given, { "night-shift": 20 });
  assertThrows(() => parse("train", ["--night-shift", "24"], commands), UsageError, "from 0 to 23");
  assertThrows(() => parse("train", ["--night-shft", "2"], commands), UsageError, "nearest is --night-shift");
  assertThrows(() => parse("train", ["--night-shift", "20"]), UsageError, "none of that name");
  const given = { silo: "b", server: new URL("https://hub"), tls: "t", shard: "s" };
  assertEquals((await settle("train", given, commands)).values["night-shift"], 22);
  const required = tableWith({ ...NIGHT, default: undefined, required: true });
  await assertRejects(() => settle("train", given, required), UsageError, "missing --night-shift");
});

Deno.test("an option of the table stands in the usage line and in both helps", () => {
  const commands = tableWith(NIGHT);
  assertEquals(usageOf("train", commands.train).at(-1), "[--night-shift HOUR]");
  assertStringIncludes(shortHelp("train", commands), "hour at which training may begin (default 22)");
  assertStringIncludes(
    longHelp("train", commands),
    "--night-shift HOUR\n      hour at which training may begin (default 22)\n      Before that hour the silo waits.",
  );
  for (const help of [shortHelp, longHelp]) {
    assertStringIncludes(help("train", commands).split("\n\n")[0], "[--night-shift HOUR]");
  }
});

Deno.test("an option of the table is a key of fedx.toml, in the file that init writes too", () =>
  inFolder(async (dir) => {
    const commands = tableWith(NIGHT);
    const text = initFile({ silo: "b", commands });
    assertStringIncludes(text, "# night_shift = 22 ");
    const config = { file: `${dir}/fedx.toml`, text: text.replace("# night_shift = 22", "night_shift = 21") };
    const section = (commands?: Table) => readSection(config, { command: tableWith(NIGHT).train, commands });
    assertEquals(section(commands).values["night-shift"], 21);
    assertThrows(() => section(), UsageError, "silo.b.night_shift is no known key");
    await Deno.writeTextFile(config.file, config.text);
    const { values } = await settle("train", { config: config.file }, commands);
    assertEquals([values["night-shift"], values.shard], [21, `${dir}/shard-b`]);
    const flagOnly = tableWith({ ...NIGHT, flagOnly: true });
    assertEquals(initFile({ silo: "b", commands: flagOnly }).includes("night_shift"), false);
  }));

Deno.test("an option of the table stands in docs/commands.md, with its key", () => {
  const page = markdown(tableWith(NIGHT)).replaceAll(/\s+/g, " ");
  assertStringIncludes(
    page,
    "- `--night-shift HOUR`: hour at which training may begin. Before that hour the silo waits. " +
      "Default: `22`. In fedx.toml: `night_shift`.",
  );
});

Deno.test("every option that fedx.toml may hold has a default or a sample for the file that init writes", () => {
  for (const file of [initFile({}), initFile({ silo: "b" })]) {
    assertEquals(file.match(/undefined|NAME"/), null);
  }
});
