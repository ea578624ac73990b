// Why: the doctor looks at what `train` or `aggregate` would use, from the same file and flags.
import { COMMANDS } from "../../options/commands.ts";
import type { Limits } from "../../../fed/silo/limits.ts";
import { CONFIG_FILE, hasSection, readSection } from "../../options/config.ts";
import type { Command } from "../../options/option.ts";
import { readValue, UsageError } from "../../options/parse.ts";

/** Whose checks are asked for, with that role's settings as far as there are any. */
export interface RoleSettings {
  role: "silo" | "aggregator" | null;
  /** By option name; what nobody set and has no default is missing. */
  values: Record<string, unknown>;
  accept?: Limits;
}

/**
 * Merges the doctor's flags over the role's section over the role's defaults. Without `--silo` and `--aggregator` the
 * file decides when it has one section; else the machine alone is looked at.
 *
 * @throws {UsageError} both roles are named, or the file cannot be read.
 */
export async function roleSettings(given: Record<string, unknown>): Promise<RoleSettings> {
  if (given.silo !== undefined && given.aggregator) {
    throw new UsageError("Cannot run `fedx doctor`: expected --silo or --aggregator, got both.");
  }
  const file = (given.config as string | undefined) ?? CONFIG_FILE;
  const text = await Deno.readTextFile(file).catch((cause) => {
    if (given.config === undefined && cause instanceof Deno.errors.NotFound) return null;
    throw new UsageError(`Cannot read ${file}: ${cause.message}; \`fedx init --out ${file}\` writes one.`, {
      cause,
    });
  });
  const role = given.silo !== undefined
    ? "silo"
    : given.aggregator
    ? "aggregator"
    : text === null
    ? null
    : onlyRole(text, file);
  if (role === null) return { role, values: { ...given } };
  const command: Command = role === "silo" ? COMMANDS.train : COMMANDS.aggregate;
  const section = text === null
    ? undefined
    : readSection(text, { file, command, silo: given.silo as string | undefined });
  const values: Record<string, unknown> = {};
  for (const [key, option] of Object.entries(command.options)) {
    const fallback = option.default === undefined ? undefined : readValue(`--${key}`, option, option.default);
    values[key] = given[key] ?? section?.values[key] ?? fallback;
  }
  return { role, values, accept: section?.accept };
}

function onlyRole(text: string, file: string): "silo" | "aggregator" | null {
  const run = hasSection(text, { file });
  const silos = readSection(text, { file, command: COMMANDS.train }).silos.length;
  if (run === (silos === 1) || silos > 1) return null;
  return run ? "aggregator" : "silo";
}
