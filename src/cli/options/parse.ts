import { parseArgs } from "@std/cli";
import { COMMANDS, EVERYWHERE } from "./commands.ts";
import { readValue } from "./kinds.ts";
import { nearest } from "./nearest.ts";
import type { Command, Option, Table } from "./option.ts";
import { UsageError } from "./usage_error.ts";

/** What a command line says: values are only those that it names. */
export interface Parsed {
  given: Record<string, unknown>;
  /** `-h` asks for the short one. */
  help?: "short" | "long";
}

/** Whether the words name several commands and none of them: `ca`, alone or with --help. */
export function isGroup([word, ...rest]: readonly string[], commands: Table = COMMANDS): boolean {
  return groupOf(word, commands).length > 0 &&
    rest.every((other) => ["--help", "-h", "--json"].includes(other));
}

/** The commands whose names begin with that word and go on: those of `ca`. */
function groupOf(word: string, commands: Table): string[] {
  return Object.keys(commands).filter((name) => name.startsWith(`${word} `));
}

/** The command that the first one or two words name, and the rest of the words. */
export function findCommand(
  args: readonly string[],
  commands: Table = COMMANDS,
): { name: string; command: Command; rest: string[] } | undefined {
  const end = args.findIndex((arg) => arg.startsWith("-"));
  const words = end < 0 ? args : args.slice(0, end);
  if (words.length === 0) return undefined;
  const names = Object.keys(commands);
  for (const count of [2, 1]) {
    const name = names.find((known) => known === args.slice(0, count).join(" "));
    if (name) return { name, command: commands[name], rest: args.slice(count) };
  }
  const two = words.slice(0, 2).join(" ");
  const group = groupOf(words[0], commands);
  const [known, strange, near] = group.length > 0 ? [group, two, nearest(two, group)] : [
    names,
    words[0],
    nearest(two, names) ?? nearest(words[0], names) ?? names.find((name) => name.startsWith(words[0])),
  ];
  throw new UsageError(
    `Cannot run \`${strange}\`: expected one of ${known.join(", ")}` +
      (near ? `; the nearest is \`fedx ${near}\`.` : "."),
  );
}

/**
 * Reads a command line by the command's row in the table.
 *
 * @throws {UsageError} for an unknown option (with the nearest name), a bad value, or a wrong number of arguments.
 */
export function parse(name: string, args: readonly string[], commands: Table = COMMANDS): Parsed {
  const command = commands[name];
  const parsed = readWords(name, args, commands);
  const mentioned = new Set(args.map((arg) => arg.replace(/^--(no-)?/, "").replace(/=.*$/s, "")));
  const given: Record<string, unknown> = {};
  for (const [key, option] of Object.entries(command.options)) {
    if (!mentioned.has(key) || parsed[key] === undefined) continue;
    given[key] = readValue(`--${key}`, option, parsed[key]);
  }
  if (parsed.help || parsed.h) return { given, help: parsed.help ? "long" : "short" };
  readPositional(name, command, parsed._ as unknown[], given);
  return { given };
}

function readWords(name: string, args: readonly string[], commands: Table): Record<string, unknown> {
  const { options } = commands[name];
  const named = (test: (option: Option) => boolean) =>
    Object.entries(options).filter(([, option]) => test(option)).map(([key]) => key);
  const flags = named(({ kind }) => kind === "flag");
  const repeated = named(({ kind }) => kind === "paths" || kind === "hosts");
  const once = named(({ kind }) => kind !== "flag").filter((key) => !repeated.includes(key));
  const twice = once.find((key) => args.filter((arg) => arg.split("=", 1)[0] === `--${key}`).length > 1);
  const parsed = parseArgs(withDashes(args), {
    string: [...once, ...repeated, "_"],
    boolean: [...flags, ...Object.keys(EVERYWHERE), "h"],
    negatable: flags,
    collect: repeated,
    unknown(arg, key) {
      if (key === undefined) return true;
      throw new UsageError(
        `Cannot read the option ${arg}: \`fedx ${name}\` has none of that name; ${
          hint(name, key, commands)
        }.`,
      );
    },
  });
  if (twice === undefined) return parsed;
  throw new UsageError(`Cannot read --${twice}: expected it once, got it more than once; leave one of them.`);
}

/** A lone `-` behind an option is its value, which is then refused by name and not as an empty one. */
function withDashes(args: readonly string[]): string[] {
  return args.flatMap((arg, at) => {
    if (arg === "-" && args[at - 1]?.startsWith("--")) return [];
    return args[at + 1] === "-" && arg.startsWith("--") ? [`${arg}=-`] : [arg];
  });
}

/** What was perhaps meant by an option that the command lacks: another command's, or one spelt alike. */
function hint(name: string, key: string, commands: Table): string {
  const others = Object.entries(commands).filter(([, { options }]) => Object.hasOwn(options, key));
  if (others.length > 0) {
    const names = others.map(([other]) => `\`fedx ${other}\``).join(", ");
    return `it belongs to ${names}: ${others[0][1].options[key].help}`;
  }
  const near = nearest(key, [...Object.keys(commands[name].options), ...Object.keys(EVERYWHERE)]);
  return near ? `the nearest is --${near}` : `see \`fedx ${name} --help\``;
}

function readPositional(name: string, command: Command, words: unknown[], given: Record<string, unknown>) {
  const expected = Object.entries(command.positional ?? {});
  const many = expected.at(-1)?.[1].kind === "paths";
  if (many ? words.length < expected.length : words.length !== expected.length) {
    throw new UsageError(
      `Cannot run \`fedx ${name}\`: expected ${
        expected.length === 0
          ? "only options"
          : expected.map(([key, { kind }]) => kind === "paths" ? `${key} …` : key).join(" ")
      }, got ${words.length === 0 ? "nothing" : words.join(" ")}; see \`fedx ${name} --help\`.`,
    );
  }
  expected.forEach(([key, option], index) => {
    const raw = option.kind === "paths" ? words.slice(index) : words[index];
    given[key] = readValue(key, option, raw);
  });
}
