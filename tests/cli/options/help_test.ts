import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { COMMANDS } from "../../../src/cli/options/commands.ts";
import { EXIT_CODES, longHelp, overview, shortHelp } from "../../../src/cli/options/help.ts";
import { markdown } from "../../../src/cli/options/markdown.ts";
import { findCommand, parse } from "../../../src/cli/options/parse.ts";
import { settle } from "../../../src/cli/options/settings.ts";

Deno.test("help shows every option and an example, and overview every command", () => {
  for (const [name, command] of Object.entries(COMMANDS)) {
    for (const text of [shortHelp(name), longHelp(name)]) {
      for (const key of Object.keys(command.options)) assertStringIncludes(text, `--${key}`);
      assertStringIncludes(text, `Example: ${command.example}`);
    }
    assertStringIncludes(overview().text, `fedx ${name}`);
  }
});

Deno.test("help and docs say what every exit code means", () => {
  assertStringIncludes(EXIT_CODES, "130 and 143 stopped by Ctrl-C and SIGTERM");
  for (const text of [overview().text, markdown().replaceAll("\n", " ")]) {
    assertStringIncludes(text, EXIT_CODES);
  }
});

Deno.test("short help gives an option one line, long help all its sentences, both within a terminal's width", () => {
  assertMatch(shortHelp("train"), /^ {2}--silo NAME +this silo's name \(required\)$/m);
  assertEquals(shortHelp("train").includes("its certificate"), false);
  assertStringIncludes(
    longHelp("train"),
    "  --silo NAME\n      this silo's name (required)\n      It is the name in",
  );
  for (const [name, { example }] of Object.entries(COMMANDS)) {
    const lines = longHelp(name).split("\n").filter((line) => line !== `Example: ${example}`);
    assertEquals(lines.filter((line) => line.length > 110), []);
  }
});

Deno.test("every example of the table parses and is complete", async () => {
  for (const [name, { example }] of Object.entries(COMMANDS)) {
    const found = findCommand(example.split(" ").slice(1))!;
    assertEquals(found.name, name);
    await settle(name, parse(name, found.rest).given);
  }
});

Deno.test("docs/commands.md is what the table gives", async () => {
  const page = await Deno.readTextFile(new URL("../../../docs/commands.md", import.meta.url));
  assertEquals(page, markdown(), "write it anew: deno run -A tools/commands_page.ts");
});
