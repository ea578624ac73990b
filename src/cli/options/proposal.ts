import { ascii } from "../../fed/protocol/ascii.ts";
import { type Proposal, WIRE_VERSION } from "../../fed/protocol/messages.ts";
import type { RunSettings } from "../../fed/protocol/proposal.ts";
import { preset, type Recipe } from "../../model/recipe.ts";
import { preprocessingOf } from "../../model/weights/model_file.ts";
import { parseDuration } from "./duration.ts";
import { labelRuleOf } from "./label_rule.ts";
import type { OptionValues } from "./option.ts";
import { aggregate } from "./table/aggregate.ts";
import { UsageError } from "./usage_error.ts";
import type { TRAINING } from "./table/training.ts";

/** What `aggregate` and `local` say about training. */
type TrainingValues = OptionValues<typeof TRAINING>;

/** What `aggregate` and `local` say about a run; what only `aggregate` says may be missing. */
export interface RunValues extends Omit<TrainingValues, "init" | "weights"> {
  size: number;
  /** How films are made (src/kernel.ts). @default every file is decoded whole */
  kernel?: string;
  silos: string[];
  /** Those of them that run Flower. @default none */
  flower?: string[];
  rounds?: number;
  /** Seconds, as all times here. */
  budget?: number;
  quorum?: number;
  masked?: boolean;
  unmasked?: boolean;
  /** Without it there are no updates to mask. */
  "min-cohort"?: number;
  "roster-changes"?: number;
  "round-timeout"?: number;
  "join-timeout"?: number;
}

/**
 * Every setting of a run but its first weights, which may have to be fetched.
 *
 * @param options.hospitals how many train by themselves: 1 where the silos' films are in one place @default all silos
 */
export function settingsOf(
  values: RunValues,
  { hospitals = values.silos.length }: { hospitals?: number } = {},
): RunSettings {
  const recipe = recipeOf(values, hospitals);
  return {
    version: 6,
    wire: WIRE_VERSION,
    network: values.network,
    size: values.size,
    channels: values.channels,
    preprocessing: preprocessingOf(values.channels, values),
    labelRule: labelRuleOf(values),
    recipe,
    seed: values.seed,
    rounds: values.rounds ?? null,
    budget: values.budget ?? null,
    localEpochs: recipe.localEpochs,
    silos: values.silos,
    flower: values.flower ?? [],
    quorum: values.quorum ?? values.silos.length,
    masked: unmaskedFor(values) === null ? maskingOf(values) : null,
    roundTimeout: values["round-timeout"] ?? null,
    joinTimeout: values["join-timeout"] ?? parseDuration(aggregate.options["join-timeout"].default),
    histogram: { bins: 62, low: -8, high: 8 },
  };
}

function maskingOf(values: RunValues): RunSettings["masked"] {
  const rosterChanges = values["roster-changes"] ?? aggregate.options["roster-changes"].default;
  return { minCohort: values["min-cohort"]!, rosterChanges };
}

/**
 * Why a run's updates are not masked, null where they are. Who asks for masks by --masked gets a masked run or, by
 * `checkProposal`, none. @throws {UsageError} for both options
 */
export function unmaskedFor(
  values: Pick<RunValues, "silos" | "quorum" | "flower" | "masked" | "unmasked" | "min-cohort">,
): string | null {
  const { silos, quorum = silos.length, flower = [], masked, unmasked, "min-cohort": minCohort } = values;
  if (minCohort === undefined) return "one hospital's films alone";
  if (masked && unmasked) {
    throw new UsageError(
      "Cannot use --masked with --unmasked: expected one of them, got both; leave out one.",
    );
  }
  if (unmasked || masked === false) return "--unmasked";
  if (masked) return null;
  if (flower.length > 0) return "nobody masks what Flower sends";
  if (silos.length < minCohort) return `a sum of fewer than ${minCohort} silos hides too little`;
  if (quorum < minCohort) return `the quorum of ${quorum} is below --min-cohort ${minCohort}`;
  return null;
}

/** The settings with the weights that round 1 starts from. State files keep this order of keys. */
export function proposalOf(
  settings: RunSettings,
  { kind, source, sha256 }: Proposal["init"],
): Proposal {
  const { histogram, ...rest } = settings;
  return { ...rest, init: { kind, source: ascii(source), sha256 }, histogram };
}

/** What `--augment` switches on: the numbers of `deck`. */
const AUGMENT = preset("deck").augment;
const NO_AUGMENT: Recipe["augment"] = { flip: false, rotation: 0, brightness: 0, contrast: 0 };

/** A preset with the numbers that the operator gave. */
function recipeOf(
  values: Pick<TrainingValues, "recipe" | "lr" | "batch" | "augment" | "bn" | "local-epochs">,
  silos: number,
): Recipe {
  return preset(values.recipe, {
    ...values.lr !== undefined && { lr: values.lr },
    ...values.batch !== undefined && { batch: values.batch },
    ...values.augment !== undefined && { augment: values.augment ? AUGMENT : NO_AUGMENT },
    ...values.bn !== undefined && { bn: values.bn },
    ...values["local-epochs"] !== undefined && { localEpochs: values["local-epochs"] },
  }, { silos });
}
