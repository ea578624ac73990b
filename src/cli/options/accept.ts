// Why: what a silo's operator accepts of an aggregator is said in fedx.toml alone, so it is no option of the table.
import { storedName } from "../../data/findings.ts";
import * as v from "valibot";
import type { AcceptedRecipe, Limits } from "../../fed/silo/limits.ts";
import { preset } from "../../model/recipe.ts";
import { ANY_FINDING, readRule, ruleText } from "../../label_rule.ts";
import { isRefusal, refusal } from "../../refusal.ts";
import { splitAtCommas } from "./kinds.ts";
import { UsageError } from "./usage_error.ts";

const count = v.pipe(v.number(), v.integer(), v.minValue(0));

/** The table `accept` of a silo's section. */
export const AcceptSchema = v.strictObject({
  recipes: v.optional(v.array(v.union([v.string(), v.looseObject({ name: v.string() })]))),
  networks: v.optional(v.array(v.string())),
  label_rules: v.optional(v.array(v.string())),
  max_rounds: v.optional(count),
  max_passes: v.optional(v.pipe(v.number(), v.minValue(0))),
  min_train_patients: v.optional(count),
  masked: v.optional(v.boolean()),
  min_cohort: v.optional(count),
  roster_changes: v.optional(count),
  trust_ca: v.optional(v.boolean()),
});

/** The line of a settings file that accepts these recipes, by name, passes, patients, and masked runs alone or any. */
export function acceptLine(
  accept: { recipes: readonly string[]; maxPasses: number; minTrainPatients: number; masked: boolean },
): string {
  const recipes = accept.recipes.map((name) => JSON.stringify(name)).join(", ");
  const masked = accept.masked ? ", masked = true, min_cohort = 3, roster_changes = 1" : "";
  return `accept = { recipes = [${recipes}], networks = ["efficientnet_b0"], ` +
    `max_passes = ${accept.maxPasses}, min_train_patients = ${accept.minTrainPatients}${masked} }`;
}

/** How `fedx init` writes it: masked runs of a usual length pass, by rounds or by a budget on a fast machine. */
export const ACCEPT_SAMPLE = acceptLine({
  ...{ recipes: ["default"], maxPasses: 1000, minTrainPatients: 50, masked: true },
});

/**
 * What is accepted, in the program's own form.
 *
 * @param where names the recipes in errors
 * @throws {UsageError} for a recipe that does not exist or has a number out of range, and for no label rule.
 */
export function readAccept(table: v.InferOutput<typeof AcceptSchema>, where: string): Limits {
  return {
    recipes: table.recipes?.map((one) => recipeOf(one, where)),
    networks: table.networks,
    labelRules: table.label_rules?.map((text) => ruleOf(text)),
    maxRounds: table.max_rounds,
    maxPasses: table.max_passes,
    minTrainPatients: table.min_train_patients,
    masked: table.masked,
    minCohort: table.min_cohort,
    rosterChanges: table.roster_changes,
    trustCa: table.trust_ca,
  };
}

/** The text of a rule that is written as in a proposal, but with names in any spelling and order. @throws {UsageError} */
function ruleOf(text: string): string {
  const [, kind, names] = /^(positive|exclude):(.*)$/s.exec(text) ?? [];
  try {
    if (kind === undefined) return readRule(text) && ANY_FINDING;
    return ruleText(kind as "positive" | "exclude", splitAtCommas(names).map(storedName));
  } catch (cause) {
    if (!isRefusal(cause)) throw cause;
    const { expected, got } = cause;
    throw new UsageError(`Cannot read accept.label_rules: expected ${expected}, got ${got}.`, { cause });
  }
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
      const expected = `one of ${Object.keys(known).join(", ")}`;
      throw refusal(RangeError, { what: "Cannot use recipe", expected, got: other });
    }
    preset(name as "default" | "deck", accepted);
  } catch (cause) {
    if (!isRefusal(cause)) throw cause;
    const { expected, got } = cause;
    throw new UsageError(`Cannot read ${where}: expected ${expected}, got ${got}.`, { cause });
  }
  return { name, ...accepted };
}
