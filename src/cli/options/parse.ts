import { parseArgs } from "@std/cli";
import { type CommandName, COMMANDS } from "./commands.ts";
import type { Command, Option } from "./option.ts";
import { parseDuration } from "./duration.ts";
import { nearest } from "./nearest.ts";

/** A mistake in the command line or in fedx.toml: the program ends with 2. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** What a command line says: values are only those that it names. */
export interface Parsed {
  name: CommandName;
  given: Record<string, unknown>;
  help: boolean;
  json: boolean;
}

/** The command that the first one or two words name, and the rest of the words. */
export function findCommand(args: readonly string[]): { name: CommandName; rest: string[] } | undefined {
  const end = args.findIndex((arg) => arg.startsWith("-"));
  const words = end < 0 ? args : args.slice(0, end);
  if (words.length === 0) return undefined;
  const names = Object.keys(COMMANDS) as CommandName[];
  for (const count of [2, 1]) {
    const name = names.find((known) => known === args.slice(0, count).join(" "));
    if (name) return { name, rest: args.slice(count) };
  }
  const near = nearest(words.slice(0, 2).join(" "), names) ?? nearest(words[0], names) ??
    names.find((known) => known.startsWith(words[0]));
  throw new UsageError(
    `Cannot run \`${words[0]}\`: expected one of ${names.join(", ")}` +
      (near ? `; the nearest is \`fedx ${near}\`.` : "."),
  );
}

/**
 * Reads a command line by the command's row in the table.
 *
 * @throws {UsageError} for an unknown option (with the nearest name), a bad value, or a wrong number of arguments.
 */
export function parse(name: CommandName, args: readonly string[]): Parsed {
  const command: Command = COMMANDS[name];
  const named = (test: (option: Option) => boolean) =>
    Object.entries(command.options).filter(([, option]) => test(option)).map(([key]) => key);
  const repeated = named((option) => option.kind === "paths" || option.kind === "texts");
  const flags = [...named((option) => option.kind === "flag"), "help", "json"];
  const known = [...Object.keys(command.options), "help", "json"];
  const parsed = parseArgs([...args], {
    string: named((option) => option.kind !== "flag"),
    boolean: [...flags, "h"],
    negatable: named((option) => option.kind === "flag"),
    collect: repeated,
    unknown: (arg, key) => {
      if (key === undefined) return true;
      throw new UsageError(
        `Cannot read the option ${arg}: \`fedx ${name}\` has none of that name; ${hint(name, key, known)}.`,
      );
    },
  }) as Record<string, unknown>;
  const once = named((option) => option.kind !== "flag").filter((key) => !repeated.includes(key));
  const twice = once.find((key) => args.filter((arg) => arg.split("=", 1)[0] === `--${key}`).length > 1);
  if (twice !== undefined) {
    throw new UsageError(
      `Cannot read --${twice}: expected it once, got it more than once; leave one of them.`,
    );
  }
  const mentioned = new Set(args.map((arg) => arg.replace(/^--(no-)?/, "").replace(/=.*$/s, "")));
  const given: Record<string, unknown> = {};
  for (const [key, option] of Object.entries(command.options)) {
    if (!mentioned.has(key) || parsed[key] === undefined) continue;
    given[key] = readValue(`--${key}`, option, parsed[key]);
  }
  const help = parsed.help === true || parsed.h === true;
  if (!help) readPositional(name, command, parsed._ as unknown[], given);
  return { name, given, help, json: parsed.json === true };
}

/** What was perhaps meant by an option that the command lacks: another command's, or one spelt alike. */
function hint(name: CommandName, key: string, known: string[]): string {
  const others = Object.entries(COMMANDS as Record<string, Command>).filter(([, { options }]) =>
    Object.hasOwn(options, key)
  );
  if (others.length > 0) {
    const names = others.map(([other]) => `\`fedx ${other}\``).join(", ");
    return `it belongs to ${names}: ${others[0][1].options[key].help}`;
  }
  const near = nearest(key, known);
  return near ? `the nearest is --${near}` : `see \`fedx ${name} --help\``;
}

function readPositional(name: string, command: Command, words: unknown[], given: Record<string, unknown>) {
  const expected = command.positional ?? [];
  if (words.length !== expected.length) {
    throw new UsageError(
      `Cannot run \`fedx ${name}\`: expected ${
        expected.length === 0 ? "only options" : expected.join(" ")
      }, got ${words.length === 0 ? "nothing" : words.join(" ")}; see \`fedx ${name} --help\`.`,
    );
  }
  expected.forEach((key, index) => given[key] = String(words[index]));
}

/**
 * One value in the program's own form: durations in seconds, lists split at commas.
 * `raw` is a word of the command line, or a value of fedx.toml.
 *
 * @throws {UsageError} naming the option, what it takes and what it got.
 */
export function readValue(label: string, option: Option, raw: unknown): unknown {
  const refuse = (expected: string): never => {
    throw new UsageError(`Cannot read ${label}: expected ${expected}, got ${JSON.stringify(raw)}.`);
  };
  if (option.kind === "flag") return typeof raw === "boolean" ? raw : refuse("true or false");
  if (option.kind === "paths" || option.kind === "texts") return [raw].flat().map(String);
  if (option.kind === "list") {
    const items = (Array.isArray(raw) ? raw.map(String) : String(raw).split(",")).map((item) => item.trim());
    return items.length > 0 && items.every((item, at) => item !== "" && items.indexOf(item) === at)
      ? items
      : refuse("names with commas between, each once");
  }
  if (option.kind === "duration") {
    try {
      return parseDuration(String(raw));
    } catch {
      return refuse("a duration such as 90s, 20m or 1h");
    }
  }
  if (option.kind === "integer" || option.kind === "number") {
    const number = typeof raw === "number" ? raw : String(raw).trim() === "" ? NaN : Number(raw);
    if (option.choices) {
      return option.choices.includes(String(number)) ? number : refuse(option.choices.join(" or "));
    }
    const [low, high] = option.range ?? [-Infinity, Infinity];
    const kind = option.kind === "integer" ? "a whole number" : "a number";
    const fits = option.kind === "integer" ? Number.isInteger(number) : Number.isFinite(number);
    return fits && number >= low && number <= high ? number : refuse(`${kind} from ${low} to ${high}`);
  }
  if (typeof raw !== "string" || raw === "") return refuse(option.value ?? "a text");
  if (option.choices && !option.choices.includes(raw)) {
    const near = nearest(raw, option.choices);
    return refuse(option.choices.join(", ") + (near ? ` (the nearest is ${near})` : ""));
  }
  return raw;
}
