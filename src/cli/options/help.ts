import { COMMANDS, EVERYWHERE } from "./commands.ts";
import type { Command, Option, Table } from "./option.ts";
import { wrap } from "./wrap.ts";

/** A list of commands. */
export interface Overview {
  names: string[];
  text: string;
}

/** What an exit code means. */
export const EXIT_CODES =
  "0 done, 1 failed, 2 usage, 130 and 143 stopped by Ctrl-C and SIGTERM before it was done";

/** What `fedx --help` and `fedx help` print. */
export function overview(commands: Table = COMMANDS): Overview {
  return {
    names: Object.keys(commands),
    text: [
      "fedx: hospitals train one chest-radiograph model together; no film leaves any of them.",
      "",
      ...summaries(commands),
      "",
      "`fedx help COMMAND` explains one, `fedx COMMAND -h` in short, `fedx -v` names the version.",
      "Every command takes --json: one JSON object on stdout.",
      `Exit codes: ${EXIT_CODES}.`,
      "Research use only, not a medical device.",
    ].join("\n"),
  };
}

/** What `fedx ca --help` and `fedx ca` print: the commands whose names begin with that word. */
export function groupOverview(word: string, commands: Table = COMMANDS): Overview {
  const group = Object.fromEntries(
    Object.entries(commands).filter(([name]) => name.startsWith(`${word} `)),
  );
  const text = [...summaries(group), "", `\`fedx help ${word} COMMAND\` explains one.`].join("\n");
  return { names: Object.keys(group), text };
}

/** A line for each command. */
function summaries(commands: Table): string[] {
  const width = Math.max(...Object.keys(commands).map((name) => name.length)) + 2;
  return Object.entries(commands).map(([name, { summary }]) => `  fedx ${name.padEnd(width)}${summary}`);
}

/** What `fedx COMMAND -h` prints: one line an option. */
export function shortHelp(name: string, commands: Table = COMMANDS): string {
  const rows = rowsOf(commands[name]).map(([term, option]) => [term, oneLine(option)]);
  const width = Math.max(...rows.map(([term]) => term.length)) + 2;
  return page(name, commands[name], rows.map(([term, text]) => `  ${term.padEnd(width)}${text}`));
}

/** What `fedx help COMMAND` and `fedx COMMAND --help` print: the same options with all that there is to say. */
export function longHelp(name: string, commands: Table = COMMANDS): string {
  const command = commands[name];
  const rows = rowsOf(command).map(([term, option]) => {
    const texts = [oneLine(option), ...option.more === undefined ? [] : [option.more]];
    return [
      `  ${term}`,
      ...texts.flatMap((text) => wrap(text.split(" "), WIDTH - 6)).map((line) => `      ${line}`),
    ]
      .join("\n");
  });
  return page(name, command, rows.flatMap((row, at) => at === 0 ? [row] : ["", row]));
}

/** Columns of help. */
const WIDTH = 100;

function page(name: string, command: Command, rows: string[]): string {
  return [
    ...wrap(usageOf(name, command), WIDTH, "    "),
    "",
    `  ${command.summary}`,
    "",
    ...rows,
    ...eitherOf(command).map((sentence) => `\n${sentence}`),
    "",
    `Example: ${command.example}`,
  ].join("\n");
}

/** How a command is written, in parts that stay together: what it needs, then what may be left out. */
export function usageOf(name: string, command: Command): string[] {
  const { options, positional = {}, either = [] } = command;
  const grouped = new Set(either.flat());
  const free = Object.entries(options).filter(([key]) => !grouped.has(key));
  return [
    `fedx ${name}`,
    ...Object.entries(positional).map(([key, { kind }]) => kind === "paths" ? `${key} …` : key),
    ...free.filter(([, option]) => option.required).map((entry) => written(...entry)),
    ...either.map((group) => `(${group.map((key) => written(key, options[key])).join(" | ")})`),
    ...free.filter(([, option]) => !option.required).map((entry) => `[${written(...entry)}]`),
  ];
}

function written(key: string, option: Option): string {
  return `${termOf(key, option)}${option.kind === "paths" || option.kind === "hosts" ? " …" : ""}`;
}

/** How an option is written. */
export function termOf(key: string, option: Option): string {
  return option.kind === "flag" ? `--${key}` : `--${key} ${option.value ?? "VALUE"}`;
}

/** A command's arguments and options, those of every command last, each after how it is written. */
function rowsOf({ positional, options }: Command): [string, Option][] {
  const named = Object.entries({ ...options, ...EVERYWHERE });
  return [
    ...Object.entries(positional ?? {}),
    ...named.map(([key, option]): [string, Option] => [termOf(key, option), option]),
  ];
}

/** Which options exclude each other and which need each other, a sentence for each. */
export function eitherOf({ either = [], apart = [], needs = {} }: Command): string[] {
  const names = (keys: readonly string[]) => keys.map((key) => `--${key}`).join(", ");
  return [
    ...either.map((group) => `Exactly one of ${names(group)} is needed.`),
    ...apart.map((group) => `At most one of ${names(group)} may be given.`),
    ...Object.entries(needs).map(([key, wanted]) => `With --${key}, ${names(wanted)} is needed.`),
  ];
}

/** What an option means, whether it must be given, and what it may be. */
function oneLine(option: Option): string {
  return withNotes(option, [
    option.required ? "required" : "",
    option.choices?.join(", ") ?? "",
    option.default === undefined ? "" : `default ${option.default}`,
  ]);
}

/** What an option means and what it may be. */
export function choicesOf(option: Option): string {
  return withNotes(option, [option.choices?.join(", ") ?? ""]);
}

function withNotes(option: Option, notes: string[]): string {
  const known = notes.filter((note) => note !== "");
  return known.length === 0 ? option.help : `${option.help} (${known.join("; ")})`;
}
