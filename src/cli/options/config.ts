// Why: fedx.toml has the same settings as the command line, so its keys are the table's, with `_` for `-`.
import { dirname, isAbsolute, join } from "node:path";
import { parse as parseToml, TomlError } from "smol-toml";
import * as v from "valibot";
import type { AcceptedRecipe, Limits } from "../../fed/silo/limits.ts";
import { preset } from "../../model/recipe.ts";
import { COMMANDS } from "./commands.ts";
import type { Command, Option } from "./option.ts";
import { nearest } from "./nearest.ts";
import { readValue, UsageError } from "./parse.ts";

/** The settings file that a command reads when `--config` names no other. */
export const CONFIG_FILE = "fedx.toml";

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const acceptSchema = v.strictObject({
  recipes: v.optional(v.array(v.union([v.string(), v.looseObject({ name: v.string() })]))),
  networks: v.optional(v.array(v.string())),
  max_rounds: v.optional(count),
  min_train_patients: v.optional(count),
});

const key = (name: string) => name.replaceAll("-", "_");
/** Options that no file may hold. */
export const FLAGS_ONLY = ["config", "silo", "new", "replay", "allow-same-shard"];
const inFile = (command: Command) =>
  Object.entries(command.options).filter(([name]) => !FLAGS_ONLY.includes(name));

function sectionEntries(command: Command) {
  const scalar = v.union([v.string(), v.number(), v.boolean(), v.array(v.union([v.string(), v.number()]))]);
  return Object.fromEntries(inFile(command).map(([name]) => [key(name), v.optional(scalar)]));
}

const schema = v.strictObject({
  run: v.optional(v.strictObject(sectionEntries(COMMANDS.aggregate))),
  silo: v.optional(
    v.record(
      v.string(),
      v.strictObject({ ...sectionEntries(COMMANDS.train), accept: v.optional(acceptSchema) }),
    ),
  ),
});

/** One section of a file, in the program's own form, under the names of the command line. */
export interface Section {
  values: Record<string, unknown>;
  accept?: Limits;
  /** Names of the silos that the file has a section for. */
  silos: string[];
}

/**
 * Reads the section of a settings file that belongs to `command`.
 *
 * @throws {UsageError} for a file that cannot be read or parsed, an unknown key (with the nearest name) or a bad value.
 */
export function readSection(
  text: string,
  options: { file: string; command: Command; silo?: string },
): Section {
  const { file, command } = options;
  const document = check(parseFile(text, file), file);
  const silos = Object.keys(document.silo ?? {});
  const silo = options.silo ?? (silos.length === 1 ? silos[0] : undefined);
  const [raw, label] = command.section === "run"
    ? [document.run ?? {}, "run"]
    : [(silo === undefined ? undefined : document.silo?.[silo]) ?? {}, `silo.${silo}`];
  const values: Record<string, unknown> = {};
  for (const [name, option] of inFile(command)) {
    const value = (raw as Record<string, unknown>)[key(name)];
    if (value === undefined) continue;
    values[name] = resolve(readValue(`${label}.${key(name)} in ${file}`, option, value), option, file);
  }
  if (command.section === "silo" && silo !== undefined) values.silo = silo;
  const accept = (raw as { accept?: v.InferOutput<typeof acceptSchema> }).accept;
  return {
    values,
    silos,
    ...accept && {
      accept: {
        recipes: accept.recipes?.map((one) => recipeOf(one, `${label}.accept.recipes in ${file}`)),
        networks: accept.networks,
        maxRounds: accept.max_rounds,
        minTrainPatients: accept.min_train_patients,
      },
    },
  };
}

/**
 * Whether a settings file has the section of `silo`, or of the aggregator.
 *
 * @throws {UsageError} for a file that is no TOML.
 */
export function hasSection(text: string, options: { file: string; silo?: string }): boolean {
  const { run, silo } = parseFile(text, options.file) as { run?: unknown; silo?: Record<string, unknown> };
  return options.silo === undefined ? run !== undefined : silo?.[options.silo] !== undefined;
}

function parseFile(text: string, file: string): unknown {
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

function check(document: unknown, file: string): v.InferOutput<typeof schema> {
  const result = v.safeParse(schema, document);
  if (result.success) return result.output;
  const issue = result.issues[0];
  const path = (issue.path ?? []).map((part) => String(part.key));
  const where = path.join(".");
  if (issue.expected === "never") {
    const name = path.at(-1)!;
    const near = nearest(name, keysAt(path));
    throw new UsageError(
      `Cannot read ${file}: ${where} is no known key` +
        (near ? `; the nearest is ${near}.` : `; \`fedx init\` writes a file with all of them.`),
    );
  }
  throw new UsageError(`Cannot read ${file}: ${where}: expected ${issue.expected}, got ${issue.received}.`);
}

/** The keys that the place of `path`'s last part may have. */
function keysAt(path: string[]): string[] {
  if (path.length === 1) return ["run", "silo"];
  if (path[0] === "run") return inFile(COMMANDS.aggregate).map(([name]) => key(name));
  if (path[2] === "accept" && path.length > 3) return Object.keys(acceptSchema.entries);
  return [...inFile(COMMANDS.train).map(([name]) => key(name)), "accept"];
}

/** A preset's name, or a table of its name and the numbers that differ; keys as in the recipe, with `_`. */
function recipeOf(one: string | { name: string }, where: string): AcceptedRecipe {
  const { name, ...numbers } = typeof one === "string" ? { name: one } : one;
  const camel = (key: string) => key.replaceAll(/_([a-z])/g, (_, letter) => letter.toUpperCase());
  const accepted = Object.fromEntries(Object.entries(numbers).map(([key, value]) => [camel(key), value]));
  try {
    const known = preset(name as "default" | "deck");
    const other = Object.keys(accepted).find((key) => !Object.hasOwn(known, key));
    if (other !== undefined) {
      throw new RangeError(`expected one of ${Object.keys(known).join(", ")}, got ${other}`);
    }
    preset(name as "default" | "deck", accepted);
  } catch (cause) {
    const text = (cause as Error).message.replace(/^Cannot [^:]*: /, "");
    throw new UsageError(`Cannot read ${where}: ${text}.`, { cause });
  }
  return { name, ...accepted };
}

/** Paths in a file are relative to the file. */
function resolve(value: unknown, option: Option, file: string): unknown {
  if (option.kind !== "path" || typeof value !== "string" || isAbsolute(value)) return value;
  if (option.words?.includes(value)) return value;
  return join(dirname(file), value);
}
