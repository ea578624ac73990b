// Why: one place decides which of flag, file and default wins, and says what is missing.
import { type CommandName, COMMANDS } from "./commands.ts";
import type { Command } from "./option.ts";
import type { Limits } from "../../fed/silo/limits.ts";
import { CONFIG_FILE, readSection, type Section } from "./config.ts";
import { readValue, UsageError } from "./parse.ts";

/** A command's complete values, and what only the settings file can say. */
export interface Settings {
  values: Record<string, unknown>;
  accept?: Limits;
}

/**
 * Merges flags over the settings file over defaults.
 *
 * @throws {UsageError} naming every required option that neither gives, and the command that writes a file with them.
 */
export async function settle(name: CommandName, given: Record<string, unknown>): Promise<Settings> {
  const command: Command = COMMANDS[name];
  const section = command.section ? await fileSection(command, given) : undefined;
  const fromFile = { ...section?.values };
  for (const group of command.either ?? []) {
    if (group.some((key) => given[key] !== undefined)) { for (const key of group) delete fromFile[key]; }
  }
  const values: Record<string, unknown> = { ...fromFile, ...given };
  require(name, command, values, section);
  for (const [key, option] of Object.entries(command.options)) {
    if (values[key] === undefined && option.default !== undefined) {
      values[key] = readValue(`--${key}`, option, option.default);
    }
  }
  return { values, accept: section?.accept };
}

async function fileSection(command: Command, given: Record<string, unknown>): Promise<Section | undefined> {
  const file = (given.config as string | undefined) ?? CONFIG_FILE;
  const text = await Deno.readTextFile(file).catch((cause) => {
    if (given.config === undefined && cause instanceof Deno.errors.NotFound) return undefined;
    throw new UsageError(`Cannot read ${file}: ${cause.message}; \`fedx init --out ${file}\` writes one.`, {
      cause,
    });
  });
  if (text === undefined) return undefined;
  return readSection(text, { file, command, silo: given.silo as string | undefined });
}

function require(name: string, command: Command, values: Record<string, unknown>, section?: Section) {
  const missing = Object.entries(command.options).filter(([key, option]) =>
    option.required && values[key] === undefined
  ).map(([key]) => `--${key}`);
  for (const group of command.either ?? []) {
    const present = group.filter((key) => values[key] !== undefined);
    const names = group.map((key) => `--${key}`).join(" or ");
    if (present.length === 0) missing.push(names);
    if (present.length > 1) {
      throw new UsageError(
        `Cannot run \`fedx ${name}\`: expected one of ${names}, got ${
          present.map((key) => `--${key}`).join(" and ")
        }.`,
      );
    }
  }
  if (missing.length === 0) return;
  const silo = values.silo ?? "NAME";
  const remedy = command.section === "run"
    ? `give them, or write a ${CONFIG_FILE} with \`fedx init\` and fill it in`
    : command.section === "silo"
    ? `give them, or write a ${CONFIG_FILE} with \`fedx init --silo ${silo}\` and fill it in`
    : `see \`fedx ${name} --help\``;
  const known = section && section.silos.length > 1
    ? ` (the file has silos ${section.silos.join(", ")})`
    : "";
  throw new UsageError(`Cannot run \`fedx ${name}\`: missing ${missing.join(", ")}${known}; ${remedy}.`);
}
