/**
 * Which model a run hands over: the one with the highest stratified AUROC on `val` among those that every silo of
 * the newest row's roster has scored. Ties, which small sets that saturate at 1.000 produce, go to the lower mean
 * loss, then to the earlier round.
 */
import { stratified } from "../../model/metrics/metrics.ts";
import type { Scores } from "../protocol/messages.ts";
import { plural } from "../../plural.ts";

/** A model and what the silos say of it on their own `val`. */
export interface ScoredModel {
  /** The round that made it; 0 is the start. Its scores came in round + 1. */
  round: number;
  scores: Readonly<Record<string, Pick<Scores, "auroc" | "loss" | "diverged" | "positives" | "negatives">>>;
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
  const roster = [...options.roster].sort();
  const rate = rater(roster);
  const complete = roster.length === 0 ? [] : models.map(rate).filter((rated) => rated !== null);
  if (complete.length === 0) {
    return { round: options.last, auroc: null, reason: "the last: no model was scored by every silo" };
  }
  const rated = complete.filter((r) => r.auroc !== null);
  const candidates = rated.filter(({ round }) => options.held?.includes(round) ?? true);
  if (candidates.length === 0) {
    const reason = rated.length > 0
      ? "no model that was scored by every silo is held any more"
      : unrated(complete);
    return { round: options.last, auroc: null, reason: `the last: ${reason}` };
  }
  const highest = (models: Rated[]) => models.reduce((a, b) => better(b, a) ? b : a);
  const best = highest(candidates);
  const all = highest(rated) === best ? rated : candidates;
  const kept = all === rated ? "" : " still held";
  const reason = `highest stratified AUROC on val of ${plural(all.length, "model")}${kept}`;
  return { round: best.round, auroc: best.auroc, reason };
}

/** Why none of these models could be rated, and who says so where it is a silo's word. */
function unrated(models: readonly Rated[]): string {
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
  loss: number;
  /** Silos of the roster on whose films the model gives no numbers. */
  diverged: string[];
}

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
  if (diverged.length > 0) return { round, auroc: null, loss: Infinity, diverged };
  let images = 0, sum = 0;
  for (const { auroc, loss, positives, negatives } of all) {
    if (auroc === null && loss === null) continue; // of too few patients to be told
    images += positives + negatives;
    sum += (loss ?? Infinity) * (positives + negatives);
  }
  const { auroc } = stratified(
    all.map(({ auroc, positives, negatives }) => ({ auroc, positives, negatives })),
  );
  return { round, auroc, loss: Number.isNaN(sum) ? Infinity : sum / images, diverged };
}

function better(a: Rated, b: Rated): boolean {
  if (a.auroc !== b.auroc) return a.auroc! > b.auroc!;
  if (a.loss !== b.loss) return a.loss < b.loss;
  return a.round < b.round;
}
