/**
 * Which model a run hands over: the latest whose stratified AUROC on `val` is not told from the best one's, among those
 * that every silo of the newest row's roster has scored.
 *
 * Why not the best: of many models scored on few patients the best is the luckiest, often an early one or even the
 * start, while training goes on to improve what a few patients cannot show. A later model that is worse by more than
 * the margin is not taken, so a run that goes wrong at its end is caught.
 *
 * Why half a standard error: the same patients score all models, so the difference of two has a smaller error than
 * an AUROC (on real runs 0.8 of it, from the third round on), and a whole one lets pass what is lost after a peak. The
 * start is unlike what follows (1.3 of it): for it the margin is a whole error. bench/selection.ts compares rules.
 *
 * The selection never goes back to an earlier model, since a new best one is later than all others: no model but the
 * one selected so far has to be held.
 */
import { stratified } from "../../model/metrics/metrics.ts";
import type { Scores } from "../protocol/messages.ts";
import { plural } from "../../plural.ts";

/** A model and what the silos say of it on their own `val`. */
export interface ScoredModel {
  /** The round that made it; 0 is the start. Its scores came in round + 1. */
  round: number;
  scores: Readonly<Record<string, Pick<Scores, "auroc" | "se" | "diverged" | "positives" | "negatives">>>;
}

export interface Selection {
  round: number;
  /** Stratified AUROC on `val`, optimistic; null when the model was not chosen by it. */
  auroc: number | null;
  /** Why this one, in one sentence. */
  reason: string;
}

/**
 * Chooses among all scored models.
 * @param options `roster` of the newest row; `last` is the newest model's round, taken when none qualifies; `held` are
 * the rounds whose models are still there. @default held all
 */
export function select(
  models: readonly ScoredModel[],
  options: { roster: readonly string[]; last: number; held?: readonly number[] | null },
): Selection {
  const { last } = options;
  const roster = [...options.roster].sort();
  const complete = roster.length === 0 ? [] : models.map(rater(roster)).filter((rated) => rated !== null);
  if (complete.length === 0) {
    return { round: last, auroc: null, reason: "the last: no model was scored by every silo" };
  }
  const rated = complete.filter(isTold);
  if (rated.length === 0) return { round: last, auroc: null, reason: `the last: ${untold(complete)}` };
  const held = rated.filter(({ round }) => options.held?.includes(round) ?? true);
  if (held.length === 0) {
    const reason = "no model that was scored by every silo is held any more";
    return { round: last, auroc: null, reason: `the last: ${reason}` };
  }
  return choose(rated, held);
}

/** How far below this best one an AUROC may be that is not told from it. */
function marginOf({ round, se }: Told): { margin: number; words: string } {
  return round === 0
    ? { margin: se, words: "one standard error" }
    : { margin: se / 2, words: "half a standard error" };
}

/** The latest model that is held and not told from the best one; where none is, the best one that is held. */
function choose(rated: readonly Told[], held: readonly Told[]): Selection {
  const best = bestOf(rated);
  const { margin, words } = marginOf(best);
  const near = held.filter(({ auroc }) => auroc >= best.auroc - margin);
  if (near.length === 0) {
    const { round, auroc } = bestOf(held);
    return { round, auroc, reason: `the best of ${count(held)} still held by val AUROC` };
  }
  const { round, auroc } = near.reduce((a, b) => b.round > a.round ? b : a);
  if (round === best.round) return { round, auroc, reason: `the best of ${count(rated)} by val AUROC` };
  const from = `${best.auroc.toFixed(3)} of ${best.round === 0 ? "the start" : `round ${best.round}`}`;
  const reason = `the latest of ${count(rated)} within ${words} (${
    margin.toPrecision(2)
  }) of the best val AUROC, ${from}`;
  return { round, auroc, reason };
}

const count = ({ length }: readonly Told[]) => plural(length, "model");

/** The highest AUROC; of equal ones the latest. */
function bestOf(models: readonly Told[]): Told {
  return models.reduce((a, b) => b.auroc > a.auroc || (b.auroc === a.auroc && b.round > a.round) ? b : a);
}

/** Why none of these models could be told from another, and who says so where it is a silo's word. */
function untold(models: readonly Rated[]): string {
  const few = "could be rated on 10 val patients of either class";
  const wild = models.filter(({ diverged }) => diverged.length > 0);
  if (wild.length === 0) return `no model ${few}`;
  const silos = [...new Set(wild.flatMap(({ diverged }) => diverged))].sort();
  const told = `${wild.length} of ${models.length} models gave no numbers on val, says ${silos.join(", ")}`;
  return wild.length === models.length ? told : `${told}; none of the others ${few}`;
}

interface Rated {
  round: number;
  auroc: number | null;
  /** Standard error of the AUROC; NaN without one. */
  se: number;
  /** Silos of the roster on whose films the model gives no numbers. */
  diverged: string[];
}

/** A model with an AUROC. */
type Told = Rated & { auroc: number };

const isTold = (rated: Rated): rated is Told => rated.auroc !== null;

/**
 * Ratings by the scores that they come from and by roster: whoever chooses after every round of a long run would rate
 * all its models each time. Scores are never changed, only replaced by others.
 */
const RATINGS = new WeakMap<ScoredModel["scores"], Map<string, Rated | null>>();

/** Rates models by this roster; null for one that not all of it have scored. */
function rater(roster: readonly string[]): (model: ScoredModel) => Rated | null {
  const key = roster.join("/");
  return (model) => {
    const ratings = RATINGS.get(model.scores) ?? new Map<string, Rated | null>();
    RATINGS.set(model.scores, ratings);
    const known = ratings.get(key);
    if (known === null || known?.round === model.round) return known;
    const complete = roster.every((silo) => Object.hasOwn(model.scores, silo));
    const rated = complete ? rateModel(model, roster) : null;
    ratings.set(key, rated);
    return rated;
  };
}

function rateModel({ round, scores }: ScoredModel, roster: readonly string[]): Rated {
  const all = roster.map((silo) => scores[silo]);
  // Whatever the others say of it.
  const diverged = roster.filter((silo) => scores[silo].diverged);
  if (diverged.length > 0) return { round, auroc: null, se: NaN, diverged };
  const { auroc, se } = stratified(all);
  return { round, auroc, se, diverged };
}
