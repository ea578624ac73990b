import { COMMANDS, EVERYWHERE } from "./commands.ts";
import { eitherOf, EXIT_CODES, termOf, usageOf } from "./help.ts";
import { type Command, keyOf, type Option, type Table } from "./option.ts";
import { wrap } from "./wrap.ts";

/** Columns: those at which `deno fmt` breaks a line of Markdown. */
const WIDTH = 110;

/** docs/commands.md: every command with all that there is to say about it. */
export function markdown(commands: Table = COMMANDS): string {
  return [
    "# Commands",
    "",
    ...paragraph(
      "`tools/commands_page.ts` makes this page from the tables in `src/cli/options/table/`, and a test compares " +
        "the two. `fedx help COMMAND` says the same on the terminal.",
    ),
    "",
    "Every command has two more options than are listed here:",
    "",
    ...Object.entries(EVERYWHERE).flatMap(([key, option]) => item(termOf(key, option), option)),
    "",
    ...paragraph(
      `Progress and events go to stderr. Exit codes: ${EXIT_CODES}. A second signal ends a command at once.`,
    ),
    ...Object.entries(commands).flatMap((entry) => ["", ...section(...entry)]),
    "",
  ].join("\n");
}

function section(name: string, command: Command): string[] {
  const { positional = {}, options, summary } = command;
  const items = [
    ...Object.entries(positional).flatMap(([key, option]) => item(key, option)),
    ...Object.entries(options).flatMap(([key, option]) =>
      item(termOf(key, option), option, command.section && !option.flagOnly ? keyOf(key) : undefined)
    ),
  ];
  return [
    `## fedx ${name}`,
    "",
    ...paragraph(`${summary[0].toUpperCase()}${summary.slice(1)}.`),
    "",
    "```text",
    ...wrap(usageOf(name, command), 100, "    "),
    "```",
    "",
    ...items.length === 0 ? [] : [...items, ""],
    ...eitherOf(command).flatMap((sentence) => [...paragraph(sentence.replaceAll(/--[\w-]+/g, "`$&`")), ""]),
    ...paragraph(`Under \`--json\`: ${command.json}.`),
    "",
    `Example: \`${command.example}\``,
  ];
}

/** A list's entry: how the option is written, what it means, and its key in fedx.toml where it has one. */
function item(term: string, option: Option, key?: string): string[] {
  const sentences = [
    `\`${term}\`${option.required ? " (required)" : ""}: ${option.help}.`,
    option.more,
    option.choices && `One of ${option.choices.map((choice) => `\`${choice}\``).join(", ")}.`,
    option.default === undefined ? undefined : `Default: \`${option.default}\`.`,
    key && `In fedx.toml: \`${key}\`.`,
  ];
  const text = sentences.filter((sentence) => sentence !== undefined).join(" ");
  return wrap(wordsOf(`- ${text}`), WIDTH, "  ");
}

function paragraph(text: string): string[] {
  return wrap(wordsOf(text), WIDTH);
}

/** The words of a text; what stands in backquotes is one. */
function wordsOf(text: string): string[] {
  return text.match(/(?:`[^`]*`|\S)+/g) ?? [];
}
