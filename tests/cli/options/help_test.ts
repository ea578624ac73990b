import { assertEquals, assertStringIncludes } from "@std/assert";
import { type CommandName, COMMANDS } from "../../../src/cli/options/commands.ts";
import type { Command } from "../../../src/cli/options/option.ts";
import { commandHelp, commandTable, overview } from "../../../src/cli/options/help.ts";
import { findCommand, parse } from "../../../src/cli/options/parse.ts";
import { settle } from "../../../src/cli/options/settings.ts";

const names = Object.keys(COMMANDS) as CommandName[];

Deno.test("commandHelp shows every option and an example, and overview every command", () => {
  for (const name of names) {
    const command: Command = COMMANDS[name];
    const text = commandHelp(name);
    for (const key of Object.keys(command.options)) assertStringIncludes(text, `--${key}`);
    assertStringIncludes(text, `Example: ${command.example}`);
    assertStringIncludes(overview(), `fedx ${name}`);
  }
});

Deno.test("every example of the table parses and is complete", async () => {
  for (const name of names) {
    const found = findCommand(COMMANDS[name].example.split(" ").slice(1))!;
    assertEquals(found.name, name);
    await settle(name, parse(name, found.rest).given);
  }
});

Deno.test("commandTable stands in README word for word, its columns aligned", async () => {
  const readme = await Deno.readTextFile(new URL("../../../README.md", import.meta.url));
  const narrow = (text: string) => text.replaceAll(/ +/g, " ").replaceAll(/-{3,}/g, "---");
  assertStringIncludes(narrow(readme), narrow(commandTable()));
});
