/**
 * The proposal: every setting that the aggregator's operator chose, before any silo has joined. Here is what it says,
 * whether a run can have it, and where it differs from another one.
 */
import * as v from "valibot";
import { NETWORK_NAMES } from "../../model/networks/networks.ts";
import { RecipeSchema } from "../../model/recipe.ts";
import type { Preprocessing } from "../../model/weights/model_file.ts";
import { MOST_SILOS } from "./claims.ts";
import { ProtocolError } from "./errors.ts";
import { Digest, integer, LabelRuleText, number, SiloName, text, WIRE_VERSION } from "./fields.ts";
import { parseMessage } from "./parse_message.ts";

const PreprocessingSchema: v.GenericSchema<unknown, Preprocessing> = v.strictObject({
  kernel: text(32),
  fit: v.literal("fill"),
  mean: v.pipe(v.array(number(-1e3, 1e3)), v.minLength(1), v.maxLength(3)),
  deviation: v.pipe(v.array(number(1e-6, 1e3)), v.minLength(1), v.maxLength(3)),
});

/** What a masked run's silos hold their aggregator to. */
const MaskingSchema = v.strictObject({
  /** Fewest silos in a sum: of two each would learn the other's update. */
  minCohort: integer(3, MOST_SILOS),
  /** How often in the run a sum may be over other silos than the one before: neighbouring sums tell of single silos. */
  rosterChanges: integer(0, 1e6),
});
export type Masking = v.InferOutput<typeof MaskingSchema>;

/** Everything the aggregator's operator decides; silos fill in no defaults. */
export const ProposalSchema = v.strictObject({
  version: v.literal(6),
  wire: v.literal(WIRE_VERSION),
  network: v.picklist(NETWORK_NAMES),
  /** Edge of the square input, pixels. */
  size: integer(32, 4096),
  channels: v.picklist([1, 3]),
  preprocessing: PreprocessingSchema,
  /** Which films are positive; a shard's stored findings answer it. */
  labelRule: LabelRuleText,
  recipe: RecipeSchema,
  seed: integer(0, 2 ** 32 - 1),
  /** Rounds in all, or null when only the budget limits the run. */
  rounds: v.nullable(integer(1, 1e6)),
  /** Wall time from the opening of round 1 to the selected model on disk, seconds; null for none. */
  budget: v.nullable(number(1, 1e8)),
  /** Passes over a silo's training images per round, .25 for a quarter of one. */
  localEpochs: number(1e-6, 1000),
  /** Invited silos; the order fixes their numbers (index + 1). */
  silos: v.pipe(
    v.array(SiloName),
    v.minLength(1),
    v.maxLength(MOST_SILOS),
    v.check((names) => new Set(names).size === names.length, "distinct names"),
  ),
  /** Those of them that run Flower: the aggregator takes their updates from a Fleet API, not from fedx. */
  flower: v.array(SiloName),
  quorum: integer(1, MOST_SILOS),
  /** How updates are masked, so that the aggregator learns their sum alone; null for a run that shows it each of them. */
  masked: v.nullable(MaskingSchema),
  /** Seconds from the opening of a round, or null for 3 × the median round, at least 10 min. */
  roundTimeout: v.nullable(number(0.1, 1e9)),
  /** Seconds that the aggregator waits for silos before round 1. */
  joinTimeout: number(0, 1e9),
  /** The weights that round 1 starts from. */
  init: v.strictObject({ kind: text(32), source: text(400), sha256: Digest }),
  histogram: v.strictObject({ bins: v.literal(62), low: v.literal(-8), high: v.literal(8) }),
});
export type Proposal = v.InferOutput<typeof ProposalSchema>;

const SettingsSchema = v.omit(ProposalSchema, ["init"]);
/** The settings before the first weights are known, which may have to be fetched. */
export type RunSettings = v.InferOutput<typeof SettingsSchema>;

/**
 * Whether a run can have these settings; a restart reads them back through the same schema.
 * @throws {ProtocolError} `bad_proposal`, naming the field.
 */
export function checkProposal(proposal: Proposal | RunSettings): void {
  const { quorum, silos, flower } = proposal;
  const schema = "init" in proposal ? ProposalSchema : SettingsSchema;
  parseMessage<unknown>(schema, JSON.stringify(proposal), { what: "the settings", code: "bad_proposal" });
  if (quorum > silos.length) {
    throw new ProtocolError("bad_proposal", {
      expected: `a --quorum of 1 to ${silos.length}, the silos invited`,
      got: String(quorum),
    });
  }
  const stranger = flower.find((name) => !silos.includes(name));
  if (stranger !== undefined) {
    throw new ProtocolError("bad_proposal", { expected: "Flower sites among the --silos", got: stranger });
  }
  checkMasking(proposal);
  if (flower.length > 0 && proposal.budget !== null) {
    throw new ProtocolError("bad_proposal", {
      expected: "--rounds in a run with Flower sites, whose speed nobody measures",
      got: `a --budget of ${proposal.budget} s`,
    });
  }
}

/** A masked run's sums must be of as many silos as it promises, also at a timeout; nobody masks what Flower sends. */
function checkMasking({ masked, silos, quorum, flower }: RunSettings): void {
  if (masked === null) return;
  const { minCohort } = masked;
  const refuse = (expected: string, got: string, change: string): never => {
    throw new ProtocolError("bad_proposal", {
      ...{ expected, got },
      remedy: `${change}, or choose --unmasked: whoever runs the aggregator then sees each hospital's update`,
    });
  };
  const sums = `a masked run, which sums at least ${minCohort} (--min-cohort)`;
  if (silos.length < minCohort) {
    refuse(`at least ${minCohort} --silos in ${sums}`, String(silos.length), "invite more");
  }
  if (quorum < minCohort) {
    refuse(`a --quorum of at least ${minCohort} in ${sums}`, String(quorum), "raise it");
  }
  if (flower.length > 0) {
    refuse("no site with Flower in a masked run", flower.join(", "), "leave out --flower-listen");
  }
}

/** `[dot path, value in a, value in b]` of every leaf that differs. */
export function differences(a: unknown, b: unknown, path = ""): [string, unknown, unknown][] {
  const keys = [a, b].flatMap((value) => isRecord(value) ? Object.keys(value) : []);
  if (!isRecord(a) || !isRecord(b)) {
    return JSON.stringify(a) === JSON.stringify(b) ? [] : [[path, a, b]];
  }
  return [...new Set(keys)].flatMap((key) =>
    differences(a[key], b[key], path === "" ? key : `${path}.${key}`)
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
