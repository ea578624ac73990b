// Why: the doctor looks at what `train` or `aggregate` would use, from the same file and flags.
import type { Limits } from "../../../fed/silo/limits.ts";
import type { Values } from "../../options/option.ts";
import { merge } from "../../options/settings.ts";
import { aggregate } from "../../options/table/aggregate.ts";
import type { doctor } from "../../options/table/doctor.ts";
import { train } from "../../options/table/train.ts";
import { type Config, hasSection, readConfig, readSection } from "../../options/toml.ts";
import { UsageError } from "../../options/usage_error.ts";

/** The aggregator's settings as far as there are any: what nobody set and has no default is missing. */
export type AggregatorValues =
  & Partial<Values<typeof aggregate>>
  & Pick<Values<typeof aggregate>, "listen" | "state" | "network" | "channels">;

/** A silo's settings as far as there are any. */
export type SiloValues = Partial<Values<typeof train>>;

/** Whose checks are asked for, with that role's settings. */
export type RoleSettings =
  | { role: "aggregator"; values: AggregatorValues }
  | { role: "silo" | null; values: SiloValues; accept?: Limits };

/**
 * Merges the doctor's flags over the role's section over the role's defaults. Without `--silo` and `--aggregator` the
 * file decides when it has one section; else the machine alone is looked at.
 *
 * @throws {UsageError} both roles are named, or the file cannot be read.
 */
export async function roleSettings(given: Values<typeof doctor>): Promise<RoleSettings> {
  if (given.silo !== undefined && given.aggregator) {
    throw new UsageError("Cannot run `fedx doctor`: expected --silo or --aggregator, got both.");
  }
  const config = await readConfig(given.config);
  const role = given.silo !== undefined
    ? "silo"
    : given.aggregator
    ? "aggregator"
    : config === undefined
    ? null
    : onlyRole(config);
  if (role === null) return { role, values: given };
  const command = role === "silo" ? train : aggregate;
  const section = config && readSection(config, { command, silo: given.silo });
  const { values, accept } = merge(command, { ...given }, section);
  return role === "silo"
    ? { role, values: values as SiloValues, accept }
    : { role, values: values as AggregatorValues };
}

function onlyRole(config: Config): "silo" | "aggregator" | null {
  const run = hasSection(config);
  const silos = readSection(config, { command: train }).silos.length;
  if (run === (silos === 1) || silos > 1) return null;
  return run ? "aggregator" : "silo";
}
