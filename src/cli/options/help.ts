import { type CommandName, COMMANDS } from "./commands.ts";
import type { Command, Option } from "./option.ts";

const entries = () => Object.entries(COMMANDS) as [CommandName, Command][];
const plain = (usage: string) => usage.replaceAll("\\|", "|");

/** What `fedx --help` prints. */
export function overview(): string {
  const width = Math.max(...Object.keys(COMMANDS).map((name) => name.length)) + 2;
  return [
    "fedx: hospitals train one chest-radiograph model together; no film leaves any of them.",
    "",
    ...entries().map(([name, command]) => `  fedx ${name.padEnd(width)}${command.summary}`),
    "",
    "`fedx COMMAND --help` explains one. Every command takes --json: one JSON object on stdout.",
    "Exit codes: 0 done, 1 failed, 2 usage. Research use only, not a medical device.",
  ].join("\n");
}

/** What `fedx NAME --help` prints. */
export function commandHelp(name: CommandName): string {
  const command: Command = COMMANDS[name];
  const rows = Object.entries(command.options).map(([key, option]) => [left(key, option), right(option)]);
  rows.push(["--json", "print one JSON object on stdout"], ["--help", "print this"]);
  const width = Math.max(...rows.map(([start]) => start.length)) + 2;
  return [
    `${plain(command.usage)}`,
    "",
    `  ${command.summary}`,
    "",
    ...rows.map(([start, rest]) => `  ${start.padEnd(width)}${rest}`),
    ...(command.either ?? []).map((group) =>
      `\nExactly one of ${group.map((key) => `--${key}`).join(", ")} is needed.`
    ),
    "",
    `Example: ${command.example}`,
  ].join("\n");
}

function left(key: string, option: Option): string {
  return option.kind === "flag" ? `--${key}` : `--${key} ${option.value ?? "VALUE"}`;
}

function right(option: Option): string {
  const notes = [
    option.required ? "required" : "",
    option.choices ? option.choices.join(", ") : "",
    option.default !== undefined ? `default ${option.default}` : "",
  ].filter((note) => note !== "");
  return notes.length === 0 ? option.help : `${option.help} (${notes.join("; ")})`;
}

/** README's table of commands, in Markdown; a test compares the two. */
export function commandTable(): string {
  return [
    "| command | does | `--json` has at least |",
    "| --- | --- | --- |",
    ...entries().map(([, command]) => `| \`${command.usage}\` | ${command.summary} | ${command.json} |`),
  ].join("\n");
}
