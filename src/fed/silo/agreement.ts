/**
 * What a silo agreed to: the proposal that it accepted, the plan that follows from it, and rows within that plan.
 *
 * Why: whoever runs the aggregator chooses every model that is trained and scored here. It may ask for what was agreed
 * and for nothing else: each function looks at what is asked, and throws `not_agreed` before anything of it is done.
 */
import { canonical } from "../../files/canonical.ts";
import { classWeightsOf } from "../maths/class_weights.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { mostPasses } from "../maths/row_share.ts";
import { differences } from "../protocol/proposal.ts";
import { type Plan, planId, type Proposal, type RoundSettings, type RunView } from "../protocol/messages.ts";
import { isScored } from "../maths/scored_rows.ts";
import { checkPasses } from "./limits.ts";
import { plural } from "../../plural.ts";

/** Passes are added up in doubles: equal lengths may differ by so much. */
const ROUNDING = 1e-6;
/**
 * The most work that a silo does for one run, in budgets: after that it takes no row, neither a new one nor one again.
 * An honest run asks for less than one budget, since each row opens within it and a silo works on one at a time. The
 * rest is leave for a row that goes on while the aggregator's machine, and with it its clock, sleeps, and for a replay,
 * which has no clock and may run on a slower machine.
 */
const MOST_BUDGETS = 10;

/** What the silo's own shard says of its training images. */
export interface OwnCounts {
  images: number;
  positives: number;
}

function refuse(expected: string, got: unknown): never {
  const text = typeof got === "string" ? got : JSON.stringify(got);
  throw new ProtocolError("not_agreed", { expected: expected.slice(0, 300), got: text.slice(0, 300) });
}

function expect(sound: boolean, expected: string, got: unknown): void {
  if (!sound) refuse(expected, got);
}

/** @throws {ProtocolError} `other_run` when a view is not of the run that this silo joined. */
export function checkRun(joined: string, { run }: Pick<RunView, "run">): void {
  if (run === joined) return;
  throw new ProtocolError("other_run", { expected: `run ${joined}, which this silo joined`, got: run });
}

/** @throws {ProtocolError} `other_run` · `not_agreed` when a view shows another proposal or plan than before. */
export function checkView(
  view: RunView,
  agreed: { run: string; proposal: Proposal; plan: Plan | null },
): void {
  checkRun(agreed.run, view);
  checkEqual("the proposal that was accepted", agreed.proposal, view.proposal);
  if (agreed.plan === null) return;
  if (view.plan === null) return refuse("the plan that was frozen", "none");
  checkEqual("the plan that was frozen", agreed.plan, view.plan);
}

function checkEqual(what: string, expected: Proposal, got: Proposal): void {
  if (canonical(expected) === canonical(got)) return;
  const [[path, before, after] = ["", expected, got]] = differences(expected, got);
  refuse(`${what}, ${path} ${JSON.stringify(before)}`, `${path} ${JSON.stringify(after)}`);
}

/**
 * Checks the plan: the accepted proposal, a roster, pooled counts and the class weights that follow from them.
 * @param options.late This silo joined when the plan was frozen already: its own counts are in no sum then.
 * @throws {ProtocolError} `not_agreed`
 */
export function checkPlan(
  { plan, planId: named }: RunView,
  options: { proposal: Proposal; silo: string; own: OwnCounts; late: boolean },
): void {
  const { proposal, silo, own, late } = options;
  if (plan === null) return refuse("a plan", "none");
  expect(named === planId(plan), `the plan's own digest, ${planId(plan)}`, named);
  const { roster, pooled, classWeights, ...rest } = plan;
  checkEqual("the proposal that was accepted", proposal, rest);
  const invited = proposal.silos.filter((name) => roster.includes(name));
  expect(canonical(invited) === canonical(roster), "a roster of invited silos in their order", roster);
  expect(roster.length >= proposal.quorum, `a roster of at least ${proposal.quorum}, the quorum`, roster);
  expect(late || roster.includes(silo), `a roster with ${silo}, which had joined`, roster);
  expect(pooled.positives < pooled.images && pooled.positives > 0, "pooled counts of both classes", pooled);
  if (roster.includes(silo)) {
    const sound = own.positives <= pooled.positives &&
      own.images - own.positives <= pooled.images - pooled.positives;
    expect(sound, `pooled counts with this silo's ${own.positives} of ${own.images} images`, pooled);
  }
  const weights = classWeightsOf(proposal, pooled);
  expect(canonical(weights) === canonical(classWeights), `class weights ${weights.join(", ")}`, classWeights);
}

/** What the silo remembers of its turns. */
export interface Past {
  /** The row that it accepted last. */
  row: RoundSettings | null;
  /** Digests of the models that it has been shown, by round. */
  models: Pick<ReadonlyMap<number, string>, "get">;
  /** Whether it has answered in the closing phase. */
  closed: boolean;
  /** The last round for which the aggregator said that this silo's part in it is done, or that it was masked for; 0 for none. */
  counted: number;
  /** Seconds of scoring and training in all rows: of all that time counts for a budget, what no outage adds to. */
  worked: number;
}

/** What a row is checked with. */
interface RowContext {
  run: string;
  silo: string;
  plan: Plan;
  past: Past;
  /** Most passes in all that the silo's operator accepts. @default any */
  maxPasses?: number;
}

/**
 * Checks a row that has this silo in its roster. Rounds rise, gaps are legal (rounds without this silo); a round is
 * asked for again only with the very same row.
 * @throws {ProtocolError} `not_agreed` · `passes_not_accepted` under a budget, before a row beyond the operator's limit
 */
export function checkRow(row: RoundSettings, options: RowContext): void {
  const { run, silo, plan, past } = options;
  const { round, roster, silos, base } = row;
  expect(row.run === run, `a row of run ${run}`, row.run);
  const most = MOST_BUDGETS * (plan.budget ?? Infinity);
  expect(past.worked <= most, `no row after ${most} s of this silo's work`, `${past.worked} s before it`);
  const before = past.row;
  if (before?.round === round && !past.closed) {
    return expect(canonical(before) === canonical(row), `round ${round} as it was first told`, "another row");
  }
  expect(!past.closed, "no row after the closing phase", `round ${round}`);
  expect(!(before?.last ?? false), `no row after the last, ${before?.round}`, `round ${round}`);
  expect(round > (before?.round ?? 0), `a round after ${before?.round}`, round);
  const named = canonical(Object.keys(silos).sort()) === canonical([...roster].sort());
  expect(
    named && roster.includes(silo),
    `a stretch for each of the roster, ${silo} included`,
    Object.keys(silos),
  );
  const strangers = roster.filter((name) => !plan.silos.includes(name));
  expect(strangers.length === 0, "a roster of invited silos", strangers);
  const known = round === 1 ? plan.init.sha256 : past.models.get(round - 1);
  expect((known ?? base) === base, `the model ${known} as the base of round ${round}`, base);
  const score = isScored(round, plan.localEpochs);
  expect(row.score === score, `val ${score ? "" : "not "}scored in round ${round}`, row.score);
  checkStretch(row, options);
  checkProgress(row, options);
}

/**
 * Every member takes as many passes, as many as the plan has in a round, and under a budget so many that somebody takes a
 * step: scores alone are not asked for. This silo goes on where it stood: what it was told to count is behind it, only
 * what did not count may be asked for again.
 */
function checkStretch({ silos, round }: RoundSettings, options: RowContext): void {
  const { silo, plan: { localEpochs, budget, rounds, pooled, recipe: { batch } }, past, maxPasses } = options;
  const { from, to } = silos[silo];
  const passes = to - from;
  for (const [name, other] of Object.entries(silos)) {
    const same = Math.abs(other.to - other.from - passes) <= ROUNDING * passes;
    expect(same, `as many passes of ${name} as of ${silo}, ${passes}`, other);
  }
  const most = budget === null ? localEpochs : mostPasses(localEpochs);
  const least = budget === null ? localEpochs : batch / pooled.images;
  const within = passes >= least * (1 - ROUNDING) && passes <= most * (1 + ROUNDING);
  const expected = budget === null ? most : `${Number(least.toPrecision(3))} to ${most}`;
  expect(within, `${expected} passes in round ${round}`, passes);
  if (budget === null) {
    expect(
      to <= rounds! * localEpochs * (1 + ROUNDING),
      `at most ${rounds! * localEpochs} passes in all`,
      to,
    );
  }
  if (past.row !== null) {
    const { from: began, to: ended } = past.row.silos[silo];
    if (past.counted === past.row.round) expect(from === ended, `a stretch from ${ended}`, from);
    else expect(from === began || from === ended, `a stretch from ${ended}, or again from ${began}`, from);
  }
  checkPasses(to, maxPasses);
}

/** The schedule's progress: fixed by the number of rounds, or rising to 1 under a budget. */
function checkProgress({ round, p0, p1, last }: RoundSettings, options: RowContext): void {
  const { plan: { rounds, budget }, past: { row: before } } = options;
  const got = { p0, p1, last };
  expect(rounds === null || round <= rounds, `at most ${plural(rounds!, "round")}`, `round ${round}`);
  if (budget === null) {
    const wanted = { p0: (round - 1) / rounds!, p1: round / rounds!, last: round === rounds };
    return expect(
      canonical(wanted) === canonical(got),
      `progress ${canonical(wanted)} in round ${round}`,
      got,
    );
  }
  expect(p1 > p0 && p0 >= (before?.p1 ?? 0), `progress that rises from ${before?.p1 ?? 0}`, got);
  expect(!last || p1 === 1, "progress 1 at the end of the last row", got);
}

/**
 * Checks that the rounds are over as the plan has it: before the last model is scored, and before one is tested or kept
 * as the result.
 * @param options.asked the round after which this silo was told so before, null for never
 * @throws {ProtocolError} `not_agreed`
 */
export function checkClosing(
  view: RunView,
  options: { plan: Plan; past: Past; asked: number | null },
): void {
  const { plan: { rounds, budget }, past: { row }, asked } = options;
  if (budget === null) {
    expect(view.round === rounds, `the closing phase after ${plural(rounds!, "round")}`, view.round);
  }
  if (asked !== null) {
    expect(view.round === asked, `the closing phase after ${plural(asked, "round")}`, view.round);
  }
  if (row === null) return;
  expect(view.round >= row.round - 1, `the closing phase of round ${row.round} or later`, view.round);
}

/**
 * Whom a finished run went without; what one silo cannot know is the aggregator's word.
 * @throws {ProtocolError} `not_agreed` where that is no answer about this run
 */
export function checkMissing(
  { round, missing }: Pick<RunView, "round" | "missing">,
  silos: readonly string[],
): Record<string, number[]> {
  if (missing === undefined) return refuse("who was missing, as a finished run says it", "nothing");
  for (const [silo, rounds] of Object.entries(missing)) {
    expect(silos.includes(silo), `missing silos among those invited, ${silos.join(", ")}`, silo);
    const sound = rounds.every((one, at) => one > (rounds[at - 1] ?? 0) && one <= round + 1);
    expect(sound, `rounds of 1 to ${round + 1} without ${silo}, rising`, rounds);
  }
  return missing;
}

/**
 * Checks which model `test` is to be scored with: one that this silo has been shown, or one of a round after which it
 * was not asked.
 * @throws {ProtocolError} `not_agreed`
 */
export function checkSelected(
  { round, selected }: Pick<RunView, "round" | "selected">,
  options: { plan: Plan; past: Past; tested: string | null },
): void {
  const { plan, past, tested } = options;
  const { sha256, round: chosen } = selected!;
  expect(chosen <= round, `a model of rounds 0 to ${round}`, chosen);
  const known = chosen === 0 ? plan.init.sha256 : past.models.get(chosen);
  expect((known ?? sha256) === sha256, `the model ${known} of round ${chosen}`, sha256);
  expect((tested ?? sha256) === sha256, `one test of one model, ${tested}`, sha256);
}
