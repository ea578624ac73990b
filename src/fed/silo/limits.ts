/**
 * The limits that a silo's operator sets to what a proposal may ask for (`accept` in fedx.toml). They are looked at before
 * the silo joins, so that whoever proposed something that is refused has learnt nothing of the shard.
 */
import { preset, type Recipe } from "../../model/recipe.ts";
import { canonical } from "../../files/canonical.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { differences } from "../protocol/proposal.ts";
import type { Proposal, SplitCounts } from "../protocol/messages.ts";
import { plural } from "../../plural.ts";

/** A preset by its name, or one with some numbers replaced: every number is meant, not the name alone. */
export type AcceptedRecipe = { name: string } & Partial<Recipe>;

/** What a silo's operator lets a proposal ask for; limits that are not set allow everything but too few patients. */
export interface Limits {
  recipes?: AcceptedRecipe[];
  networks?: string[];
  maxRounds?: number;
  /** Most passes over its training images in all rounds; under a budget each row is compared with it. */
  maxPasses?: number;
  /** Texts of the label rules. */
  labelRules?: string[];
  /** Fewest training patients: what a few patients change shows in every update. @default 50 */
  minTrainPatients?: number;
  /** Whether masked runs alone are accepted. @default false */
  masked?: boolean;
  /** Fewest silos that a masked run may sum. @default those of the proposal */
  minCohort?: number;
  /** Most changes of who is in a masked run's sums. @default those of the proposal */
  rosterChanges?: number;
  /** Whether a masked run is accepted where no peer's key is pinned, so that only the CA says who they are. @default true */
  trustCa?: boolean;
}

const MIN_TRAIN_PATIENTS = 50;
/** Passes are added up in doubles: a sum may be so much more than it is meant to be. */
const ROUNDING = 1e-6;

/** By the limit's name in fedx.toml, the code that is told where it is not kept. */
const CODES = {
  recipes: "recipe_not_accepted",
  networks: "network_not_accepted",
  label_rules: "labels_not_accepted",
  max_rounds: "rounds_not_accepted",
  max_passes: "passes_not_accepted",
  min_train_patients: "too_few_patients",
  masked: "unmasked_not_accepted",
  min_cohort: "cohort_not_accepted",
  roster_changes: "changes_not_accepted",
} as const;

function refuse(field: keyof typeof CODES, expected: string, got: string): never {
  throw new ProtocolError(CODES[field], { expected: `${expected} by accept.${field}`, got });
}

/** Compares a proposal with the limits. @throws {ProtocolError} `…_not_accepted`, naming the field and both values. */
export function checkLimits(proposal: Proposal, limits: Limits = {}): void {
  const { recipes, labelRules, maxRounds, maxPasses = Infinity } = limits;
  if (recipes !== undefined) checkRecipe(proposal, recipes);
  checkNetwork(proposal.network, limits);
  if (labelRules !== undefined && !labelRules.includes(proposal.labelRule)) {
    refuse("label_rules", labelRules.join(" or "), proposal.labelRule);
  }
  if (maxRounds !== undefined && (proposal.rounds ?? Infinity) > maxRounds) {
    const got = String(proposal.rounds ?? "a budget without a limit");
    refuse("max_rounds", `at most ${plural(maxRounds, "round")}`, got);
  }
  const { rounds, localEpochs, budget } = proposal;
  if (budget === null) checkPasses(rounds! * localEpochs, maxPasses);
  checkMasking(proposal.masked, limits);
}

/**
 * Compares the masking of a run, null for none, with the limits. The numbers are limits of a masked run; whether a run
 * must be one `masked` alone says.
 *
 * @throws {ProtocolError} `unmasked_not_accepted`, `cohort_not_accepted`, `changes_not_accepted`
 */
export function checkMasking(masking: Proposal["masked"], limits: Limits = {}): void {
  if (masking === null) {
    if (limits.masked) refuse("masked", "a masked run", "one that shows each update");
    return;
  }
  const { minCohort = 0, rosterChanges = Infinity } = limits;
  if (masking.minCohort < minCohort) {
    refuse("min_cohort", `sums of at least ${plural(minCohort, "silo")}`, String(masking.minCohort));
  }
  if (masking.rosterChanges > rosterChanges) {
    const expected = `at most ${plural(rosterChanges, "roster change")}`;
    refuse("roster_changes", expected, String(masking.rosterChanges));
  }
}

/**
 * Whether a masked run's silos are known by keys that this site has pinned. Where any is, every one of the proposal must
 * be: a name without a pin could be another silo of whoever holds the CA.
 *
 * @param options.pins the keys that are pinned for the run's CA, by silo
 * @param options.trustCa whether the CA's word is enough where none is pinned @default true
 * @throws {ProtocolError} `peers_not_pinned`, naming those that lack and the command that pins them
 */
export function checkPeersPinned(
  { masked, silos }: Pick<Proposal, "masked" | "silos">,
  { pins, trustCa = true }: { pins: ReadonlyMap<string, string>; trustCa?: boolean },
): void {
  const lacking = silos.filter((silo) => !pins.has(silo));
  if (masked === null || lacking.length === 0 || trustCa && pins.size === 0) return;
  const why = trustCa ? "since some are pinned" : "by accept.trust_ca";
  throw new ProtocolError("peers_not_pinned", {
    expected: `a pinned key of every silo of the proposal, ${why}`,
    got: `none of ${lacking.join(", ").slice(0, 200)}`,
    remedy: "have each of them read out its key (fedx peers there), then: fedx peers --pin " +
      lacking.map((silo) => `${silo}=KEY`).join(",").slice(0, 300),
  });
}

/** Compares a network with those accepted. @throws {ProtocolError} `network_not_accepted` */
export function checkNetwork(network: string, { networks }: Limits = {}): void {
  if (networks === undefined || networks.includes(network)) return;
  refuse("networks", networks.join(" or "), network);
}

/**
 * Compares passes with the limit. Nobody knows before how many fit a budget, so there each row is compared.
 * @throws {ProtocolError} `passes_not_accepted`
 */
export function checkPasses(passes: number, maxPasses = Infinity): void {
  if (passes <= maxPasses * (1 + ROUNDING)) return;
  refuse(
    "max_passes",
    `at most ${plural(maxPasses, "pass", "passes")}`,
    String(Number(passes.toPrecision(6))),
  );
}

/** Counts the shard's patients. @throws {ProtocolError} `too_few_patients` for fewer training patients than the operator, or 50, allow. */
export function checkPatients({ patients }: Pick<SplitCounts, "patients">, limits: Limits = {}): void {
  const fewest = limits.minTrainPatients ?? MIN_TRAIN_PATIENTS;
  if (patients >= fewest) return;
  refuse("min_train_patients", `at least ${plural(fewest, "training patient")}`, String(patients));
}

/** The recipe must be one of those accepted, number by number; a round's passes are the recipe's. */
function checkRecipe({ recipe, localEpochs, silos }: Proposal, accepted: AcceptedRecipe[]): void {
  const names = accepted.map(({ name }) => name);
  const named = accepted.filter(({ name }) => name === recipe.name);
  if (named.length === 0) refuse("recipes", [...new Set(names)].join(" or "), recipe.name);
  const asked = { ...recipe, localEpochs };
  const among = { silos: silos.length };
  const allowed = named.map(({ name, ...numbers }) => preset(name as "default" | "deck", numbers, among));
  if (allowed.some((one) => canonical(one) === canonical(asked))) return;
  const [[path, expected, got]] =
    allowed.map((one) => differences(one, asked)).sort((a, b) => a.length - b.length)[0];
  refuse("recipes", `${recipe.name} with ${path} ${JSON.stringify(expected)}`, JSON.stringify(got));
}
