// Why: fedx.toml has the same settings as the command line, so its keys are the table's, with `_` for `-`.
import { dirname, isAbsolute, join } from "node:path";
import { parse as parseToml, TomlError } from "smol-toml";
import * as v from "valibot";
import { obstacleTo } from "../../files/obstacle.ts";
import type { Limits } from "../../fed/silo/limits.ts";
import { AcceptSchema, readAccept } from "./accept.ts";
import { COMMANDS } from "./commands.ts";
import { readValue } from "./kinds.ts";
import { nearest } from "./nearest.ts";
import { type Command, inFile, keyOf, type Option, type Table } from "./option.ts";
import { UsageError } from "./usage_error.ts";

/** The settings file that a command reads when `--config` names no other. */
export const CONFIG_FILE = "fedx.toml";

/** A settings file. */
export interface Config {
  file: string;
  text: string;
}

/** One section of a file, in the program's own form, under the names of the command line. */
export interface Section {
  values: Record<string, unknown>;
  accept?: Limits;
  /** Names of the silos that the file has a section for. */
  silos: string[];
}

/** Reads `file`, or the working folder's fedx.toml where there is one. @throws {UsageError} it cannot be read. */
export async function readConfig(file: string | undefined): Promise<Config | undefined> {
  const path = file ?? CONFIG_FILE;
  try {
    return { file: path, text: await Deno.readTextFile(path) };
  } catch (cause) {
    if (file === undefined && cause instanceof Deno.errors.NotFound) return undefined;
    const none = { got: "none", remedy: `\`fedx init --out ${path}\` writes one` };
    const { got, remedy } = obstacleTo(path, cause) ?? none;
    throw new UsageError(`Cannot read ${path}: expected a settings file, got ${got}; ${remedy}.`, { cause });
  }
}

/**
 * Reads the section of a settings file that belongs to `command`.
 *
 * @throws {UsageError} for a file that cannot be parsed, an unknown key (with the nearest name), a bad value, or one with
 * sections of other silos alone.
 */
export function readSection(
  config: Config,
  options: { command: Command; silo?: string; commands?: Table },
): Section {
  const { file } = config;
  const { command, commands = COMMANDS } = options;
  const document = check(config, commands);
  const silos = Object.keys(document.silo ?? {});
  const silo = options.silo ?? (silos.length === 1 ? silos[0] : undefined);
  // Another name would leave all that the file says aside, `accept` too, for a slip of the pen.
  if (command.section === "silo" && silo !== undefined && silos.length > 0 && !silos.includes(silo)) {
    throw new UsageError(
      `Cannot read ${file}: expected a section [silo.${silo}] for --silo ${silo}, got one of ${
        silos.join(", ")
      }; ` +
        "give --silo such a name, add the section, or name another file with --config.",
    );
  }
  const [raw, label] = command.section === "run"
    ? [document.run ?? {}, "run"]
    : [(silo === undefined ? undefined : document.silo?.[silo]) ?? {}, `silo.${silo}`];
  const values: Record<string, unknown> = {};
  for (const [name, option] of inFile(command)) {
    const value = raw[keyOf(name)];
    if (value === undefined) continue;
    values[name] = resolve(readValue(`${label}.${keyOf(name)} in ${file}`, option, value), option, file);
  }
  if (command.section === "silo" && silo !== undefined) {
    values.silo = readValue(`the silo's name in ${file}`, command.options.silo, silo);
  }
  const accept = raw.accept as v.InferOutput<typeof AcceptSchema> | undefined;
  return {
    values,
    silos,
    ...accept && { accept: readAccept(accept, `${label}.accept.recipes in ${file}`) },
  };
}

/**
 * Whether a settings file has the section of `silo`, or of the aggregator.
 *
 * @throws {UsageError} for a file that is no TOML.
 */
export function hasSection(config: Config, options: { silo?: string } = {}): boolean {
  const { run, silo } = parseFile(config) as { run?: unknown; silo?: Record<string, unknown> };
  return options.silo === undefined ? run !== undefined : silo?.[options.silo] !== undefined;
}

function parseFile({ file, text }: Config): unknown {
  try {
    return parseToml(text);
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause;
    const problem = cause.message.split("\n")[0].replace(/^Invalid TOML document: /, "");
    throw new UsageError(`Cannot read ${file}: line ${cause.line}, column ${cause.column}: ${problem}.`, {
      cause,
    });
  }
}

/** A file's sections with their keys known and their values still to be read. */
interface Document {
  run?: Record<string, unknown>;
  silo?: Record<string, Record<string, unknown>>;
}

function check(config: Config, commands: Table): Document {
  const scalar = v.union([v.string(), v.number(), v.boolean(), v.array(v.union([v.string(), v.number()]))]);
  const entries = (section: "run" | "silo") =>
    Object.fromEntries(keysOf(section, commands).map((key) => [key, v.optional(scalar)]));
  const schema = v.strictObject({
    run: v.optional(v.strictObject(entries("run"))),
    silo: v.optional(
      v.record(v.string(), v.strictObject({ ...entries("silo"), accept: v.optional(AcceptSchema) })),
    ),
  });
  const result = v.safeParse(schema, parseFile(config));
  if (result.success) return result.output;
  const issue = result.issues[0];
  const path = (issue.path ?? []).map((part) => String(part.key));
  const where = path.join(".");
  if (issue.expected !== "never") {
    throw new UsageError(
      `Cannot read ${config.file}: ${where}: expected ${issue.expected}, got ${issue.received}.`,
    );
  }
  const near = nearest(path.at(-1)!, keysAt(path, commands));
  throw new UsageError(
    `Cannot read ${config.file}: ${where} is no known key` +
      (near ? `; the nearest is ${near}.` : `; \`fedx init\` writes a file with all of them.`),
  );
}

function keysOf(section: "run" | "silo", commands: Table): string[] {
  const command = Object.values(commands).find((command) => command.section === section);
  return command === undefined ? [] : inFile(command).map(([name]) => keyOf(name));
}

/** The keys that the place of `path`'s last part may have. */
function keysAt(path: string[], commands: Table): string[] {
  if (path.length === 1) return ["run", "silo"];
  if (path[0] === "run") return keysOf("run", commands);
  if (path[2] === "accept" && path.length > 3) return Object.keys(AcceptSchema.entries);
  return [...keysOf("silo", commands), "accept"];
}

/** Paths in a file are relative to the file. */
function resolve(value: unknown, option: Option, file: string): unknown {
  if (option.kind !== "path" || typeof value !== "string" || isAbsolute(value)) return value;
  if (option.words?.includes(value)) return value;
  return join(dirname(file), value);
}
