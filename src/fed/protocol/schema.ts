/**
 * The strict schema of every JSON that crosses the wire. Unknown keys, unbounded strings and numbers that are not
 * finite are refused; the error names the field by its dot path.
 */
import * as v from "valibot";
import { checkRecipe } from "../../model/recipe.ts";
import { ProtocolError } from "./errors.ts";
import { MOST_IMAGES, SPEEDS } from "./limits.ts";
import * as p from "./messages.ts";

type Schema<T> = v.GenericSchema<unknown, T>;

/** Shown on the other side's terminal: printable ASCII alone. */
const text = (max: number) =>
  v.pipe(v.string(), v.maxLength(max), v.regex(/^[\x20-\x7e]*$/, "printable ASCII"));
const number = (min: number, max: number) => v.pipe(v.number(), v.finite(), v.minValue(min), v.maxValue(max));
const integer = (min: number, max: number) => v.pipe(number(min, max), v.integer());
const COUNT = 2 ** 40;
const count = integer(0, COUNT);
/** Images of one silo. */
const images = integer(0, MOST_IMAGES);
const examples = integer(1, MOST_IMAGES);
/** How long a part of a turn took. */
const seconds = number(0, 1e7);
const fraction = number(0, 1);
const passes = number(0, 1e9);
const score = v.nullable(fraction);

/** Silo names become keys and parts of file names. `constructor` and `prototype` are refused as record keys. */
export const SiloName = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "a name of 1–64 letters, digits, '.', '_' and '-'"),
  v.check((name) => !(name in {}) && name !== "prototype", "another name"),
);
const Digest = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, "a SHA-256 in lower-case hex"));
const RunId = v.pipe(v.string(), v.regex(/^[0-9a-f]{32}$/, "16 bytes in lower-case hex"));
const round = integer(0, 1e9);

const Preprocessing = v.strictObject({
  kernel: text(32),
  fit: v.literal("fill"),
  mean: v.pipe(v.array(number(-1e3, 1e3)), v.minLength(1), v.maxLength(3)),
  deviation: v.pipe(v.array(number(1e-6, 1e3)), v.minLength(1), v.maxLength(3)),
});

const RecipeFields = v.strictObject({
  name: text(64),
  batch: integer(1, 65536),
  localEpochs: number(0, 1e4),
  lr: number(0, 1e3),
  beta1: fraction,
  beta2: fraction,
  eps: fraction,
  weightDecay: number(0, 1e3),
  amsgrad: v.boolean(),
  groups: v.strictObject({ classifier: number(0, 1e6), stem: number(0, 1e6), backbone: number(0, 1e6) }),
  warmup: fraction,
  floor: fraction,
  roundWarmup: integer(0, 1e6),
  clip: v.strictObject({ warmup: number(0, 1e9), after: number(0, 1e9) }),
  loss: v.strictObject({ gamma: number(0, 100), alpha: number(0, 100), classWeights: v.boolean() }),
  dropout: fraction,
  stochasticDepth: fraction,
  augment: v.strictObject({
    flip: v.boolean(),
    rotation: number(0, 180),
    brightness: fraction,
    contrast: fraction,
  }),
  bn: v.picklist(["average", "frozen"]),
});
/** Ranges that training needs, tighter than those of the fields: a warm-up of 1 would divide by nothing. */
const RecipeSchema = v.pipe(
  RecipeFields,
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    try {
      checkRecipe(dataset.value);
    } catch (error) {
      addIssue({ message: (error as Error).message });
    }
  }),
);

const proposal = {
  version: v.literal(2),
  wire: v.literal(2),
  network: v.literal("efficientnet_b0"),
  size: integer(32, 4096),
  channels: v.picklist([1, 3]),
  preprocessing: Preprocessing,
  labelRule: v.literal("any-finding"),
  recipe: RecipeSchema,
  seed: integer(0, 2 ** 32 - 1),
  rounds: v.nullable(integer(1, 1e6)),
  budget: v.nullable(number(1, 1e8)),
  localEpochs: number(1e-6, 1e4),
  silos: v.pipe(
    v.array(SiloName),
    v.minLength(1),
    v.maxLength(1024),
    v.check((names) => new Set(names).size === names.length, "distinct names"),
  ),
  quorum: integer(1, 1024),
  roundTimeout: v.nullable(number(0.1, 1e9)),
  joinTimeout: number(0, 1e9),
  init: v.strictObject({ kind: text(32), source: text(400), sha256: Digest }),
  histogram: v.strictObject({ bins: v.literal(62), low: v.literal(-8), high: v.literal(8) }),
};
export const ProposalSchema: Schema<p.Proposal> = v.strictObject(proposal);
const { init: _init, ...settings } = proposal;
export const SettingsSchema: Schema<Omit<p.Proposal, "init">> = v.strictObject(settings);

const splitCounts = v.strictObject({ images, patients: images, positives: images });
export const RegistrationSchema: Schema<p.Registration> = v.strictObject({
  silo: SiloName,
  shard: Digest,
  splits: v.strictObject({ train: splitCounts, val: splitCounts, test: splitCounts }),
  device: text(128),
  threads: integer(1, 65536),
  build: text(128),
  stepsPerSecond: number(SPEEDS.lowest, SPEEDS.highest),
  size: integer(1, 65536),
  kernel: text(32),
  fit: text(32),
  labelRule: text(64),
  wire: v.literal(2),
});

const names = v.pipe(v.array(SiloName), v.maxLength(1024));
export const PlanSchema: Schema<p.Plan> = v.strictObject({
  ...proposal,
  roster: names,
  pooled: v.strictObject({ images: count, positives: count }),
  classWeights: v.strictTuple([number(0, 1e9), number(0, 1e9)]),
});

export const RowSchema: Schema<p.Row> = v.strictObject({
  version: v.literal(2),
  run: RunId,
  round: integer(1, 1e9),
  base: Digest,
  roster: names,
  silos: v.record(SiloName, v.strictObject({ from: passes, to: passes })),
  p0: fraction,
  p1: fraction,
  scale: v.strictObject({ weights: integer(0, 32), statistics: integer(0, 32) }),
  last: v.boolean(),
});

const RunStateSchema = v.picklist(["joining", "round", "closing", "finished", "failed"]);
export const RunViewSchema: Schema<p.RunView> = v.strictObject({
  version: v.literal(2),
  run: RunId,
  state: RunStateSchema,
  proposal: ProposalSchema,
  plan: v.nullable(PlanSchema),
  planId: v.nullable(Digest),
  row: v.nullable(RowSchema),
  round,
  selected: v.nullable(v.strictObject({ round, sha256: Digest })),
  message: v.exactOptional(text(2000)),
});

export const UpdateStartSchema: Schema<p.UpdateStart> = v.strictObject({
  run: RunId,
  round: integer(1, 1e9),
  base: Digest,
  layout: Digest,
  bytes: integer(4, 2 ** 36),
  examples,
  sha256: Digest,
  encoding: v.literal(1),
  wire: v.literal(2),
});

export const ReceiptSchema: Schema<p.Receipt> = v.strictObject({
  run: RunId,
  round,
  silo: SiloName,
  sha256: Digest,
  examples,
});
export const UpdateProgressSchema: Schema<p.UpdateProgress> = v.strictObject({
  offset: integer(0, 2 ** 36),
  receipt: v.exactOptional(ReceiptSchema),
});

/** One number for each interval of a merged histogram: 62 bins and two open ends at most. */
const cells = v.pipe(v.array(count), v.minLength(1), v.maxLength(64));
export const ScoresSchema: Schema<p.Scores> = v.strictObject({
  run: RunId,
  round: integer(1, 1e9),
  auroc: score,
  loss: v.nullable(number(0, 1e12)),
  diverged: v.exactOptional(v.literal(true)),
  positives: count,
  negatives: count,
  test: v.exactOptional(
    v.strictObject({
      auroc: score,
      // The deviation of values in [0, 1] is no larger.
      se: v.nullable(number(0, 0.5)),
      positives: count,
      negatives: count,
      images: count,
      histogram: v.exactOptional(v.strictObject({ first: cells, positives: cells, negatives: cells })),
    }),
  ),
  seconds: v.exactOptional(v.strictObject({
    pull: v.exactOptional(seconds),
    score: v.exactOptional(seconds),
    train: v.exactOptional(seconds),
    write: v.exactOptional(seconds),
  })),
  images: v.exactOptional(count),
  skipped: v.exactOptional(count),
  searched: v.exactOptional(count),
});

export const HeartbeatSchema: Schema<p.Heartbeat> = v.strictObject({
  run: RunId,
  round,
  phase: v.picklist(["waiting", "pulling", "scoring", "training", "uploading", "closing"]),
  step: count,
  steps: count,
});
export const HeartbeatAnswerSchema: Schema<p.HeartbeatAnswer> = v.strictObject({
  run: RunId,
  state: RunStateSchema,
  round,
});
export const ReceivedSchema: Schema<p.Received> = v.strictObject({ received: v.literal(true) });
export const ErrorBodySchema: Schema<p.ErrorBody> = v.strictObject({
  code: text(64),
  expected: text(400),
  got: text(400),
  remedy: text(400),
});

/**
 * Checks JSON from a peer.
 * @param bytes The body, or its text, or the parsed value.
 * @param options `what` completes “Cannot read …”; `code` is `bad_request` on the aggregator, `bad_answer` on a silo,
 * `bad_proposal` for the operator's own settings.
 * @throws {ProtocolError} naming the first wrong field by its dot path; `other_wire` for a message of another version.
 */
export function parseMessage<T>(
  schema: Schema<T>,
  input: Uint8Array | string,
  options: { what: string; code?: "bad_request" | "bad_answer" | "bad_proposal" },
): T {
  const code = options.code ?? "bad_request";
  let value: unknown;
  try {
    value = JSON.parse(
      typeof input === "string" ? input : new TextDecoder("utf-8", { fatal: true }).decode(input),
    );
  } catch (cause) {
    throw new ProtocolError(code, { expected: `${options.what} as JSON`, got: "something else", cause });
  }
  checkWire(value);
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  throw new ProtocolError(code, describe(result.issues[0], options.what));
}

/** Another wire version may have other fields: it is named before any of them is. */
function checkWire(value: unknown): void {
  const message = value as { wire?: unknown; proposal?: { wire?: unknown } } | null;
  const wire = message?.wire ?? message?.proposal?.wire;
  if (typeof wire !== "number" || wire === p.WIRE_VERSION) return;
  throw new ProtocolError("other_wire", { expected: `wire version ${p.WIRE_VERSION}`, got: `${wire}` });
}

/** The first wrong field in words: valibot says “Expected never” of an unknown key. */
function describe(issue: v.BaseIssue<unknown>, what: string): { expected: string; got: string } {
  const path = v.getDotPath(issue) ?? what;
  const got = (issue.received ?? "something else").slice(0, 80);
  if (issue.type === "raw_check") {
    const [, expected, value] = /expected (.*), got (.*)$/.exec(issue.message) ?? ["", issue.message, got];
    return { expected: `${expected} at ${path}`, got: value.slice(0, 80) };
  }
  if (issue.expected === "never") return { expected: `${what} without the key ${path}`, got: "that key" };
  if (got === "undefined") return { expected: `${what} with the key ${path}`, got: "none" };
  const wanted = issue.kind === "validation" && issue.type !== "regex" && issue.type !== "check"
    ? issue.expected ?? issue.message
    : issue.kind === "schema"
    ? issue.expected ?? issue.message
    : issue.message;
  return { expected: `${wanted} at ${path}`, got };
}
