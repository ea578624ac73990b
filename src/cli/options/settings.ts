// Why: one place decides which of flag, file and default wins, and says what is missing.
import type { Limits } from "../../fed/silo/limits.ts";
import { COMMANDS } from "./commands.ts";
import { readValue } from "./kinds.ts";
import type { Command, Table } from "./option.ts";
import { CONFIG_FILE, readConfig, readSection, type Section } from "./toml.ts";
import { UsageError } from "./usage_error.ts";

/** A command's values, and what only the settings file can say. */
export interface Settings {
  values: Record<string, unknown>;
  accept?: Limits;
}

/**
 * A command's complete values: flags over the settings file over defaults.
 *
 * @throws {UsageError} naming every required option that neither gives, and the command that writes a file with them.
 */
export async function settle(
  name: string,
  given: Record<string, unknown>,
  commands: Table = COMMANDS,
): Promise<Settings> {
  const command = commands[name];
  const config = command.section && await readConfig(given.config as string | undefined);
  const silo = given.silo as string | undefined;
  const section = config ? readSection(config, { command, silo, commands }) : undefined;
  const merged = merge(command, given, section);
  require(name, command, merged.values, section);
  return merged;
}

/** Merges flags over a section of the settings file over defaults; what nobody says is missing. */
export function merge(command: Command, given: Record<string, unknown>, section?: Section): Settings {
  const fromFile = { ...section?.values };
  for (const group of [...command.either ?? [], ...command.apart ?? []]) {
    if (group.some((key) => given[key] !== undefined)) { for (const key of group) delete fromFile[key]; }
  }
  const values: Record<string, unknown> = { ...fromFile, ...given };
  for (const [key, option] of Object.entries(command.options)) {
    if (values[key] === undefined && option.default !== undefined) {
      values[key] = readValue(`--${key}`, option, option.default);
    }
  }
  return { values, accept: section?.accept };
}

function require(name: string, command: Command, values: Record<string, unknown>, section?: Section) {
  const missing = Object.entries(command.options).filter(([key, option]) =>
    option.required && values[key] === undefined
  ).map(([key]) => `--${key}`);
  const lacking = (key: string) =>
    (command.needs?.[key] ?? []).filter((one) => values[one] === undefined).map((one) => `--${one}`);
  missing.push(
    ...Object.keys(command.needs ?? {}).filter((key) => values[key] !== undefined).flatMap(lacking),
  );
  for (const group of command.either ?? []) {
    const present = group.filter((key) => values[key] !== undefined);
    const names = group.map((key) => `--${key}`).join(" or ");
    if (present.length === 0) {
      missing.push(group.map((key) => [`--${key}`, ...lacking(key)].join(" with ")).join(" or "));
    }
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
