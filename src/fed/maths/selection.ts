/**
 * Which model a run hands over: the one with the highest stratified AUROC on `val` among those that every silo of
 * the newest row's roster has scored. Ties, which small sets that saturate at 1.000 produce, go to the lower mean
 * loss, then to the earlier round.
 */
import { stratified } from "../../model/metrics/metrics.ts";
import type { Scores } from "../protocol/messages.ts";

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
  const complete = models.filter((m) =>
    roster.length > 0 && roster.every((silo) => Object.hasOwn(m.scores, silo))
  );
  if (complete.length === 0) {
    return { round: options.last, auroc: null, reason: "the last: no model was scored by every silo" };
  }
  const rated = complete.map((m) => rate(m, roster)).filter((r) => r.auroc !== null);
  const candidates = rated.filter(({ round }) => options.held?.includes(round) ?? true);
  if (candidates.length === 0) {
    const reason = rated.length > 0
      ? "no model that was scored by every silo is held any more"
      : unrated(complete, roster);
    return { round: options.last, auroc: null, reason: `the last: ${reason}` };
  }
  const highest = (models: Rated[]) => models.reduce((a, b) => better(b, a) ? b : a);
  const best = highest(candidates);
  const all = highest(rated) === best ? rated : candidates;
  const kept = all === rated ? "" : " still held";
  const reason = `highest stratified AUROC on val of ${all.length} model${
    all.length === 1 ? "" : "s"
  }${kept}`;
  return { round: best.round, auroc: best.auroc, reason };
}

/** Why none of these models could be rated, and who says so where it is a silo's word. */
function unrated(models: readonly ScoredModel[], roster: readonly string[]): string {
  const few = "could be rated on 10 val patients of either class";
  const wild = models.filter(({ scores }) => roster.some((silo) => scores[silo].diverged));
  if (wild.length === 0) return `no model ${few}`;
  const silos = roster.filter((silo) => wild.some(({ scores }) => scores[silo].diverged));
  const told = `${wild.length} of ${models.length} models gave no numbers on val, says ${silos.join(", ")}`;
  return wild.length === models.length ? told : `${told}; none of the others ${few}`;
}

interface Rated {
  round: number;
  auroc: number | null;
  loss: number;
}

function rate(model: ScoredModel, roster: readonly string[]): Rated {
  const scores = roster.map((silo) => model.scores[silo]);
  let images = 0, sum = 0;
  for (const { auroc, loss, positives, negatives } of scores) {
    if (auroc === null && loss === null) continue; // of too few patients to be told
    images += positives + negatives;
    sum += (loss ?? Infinity) * (positives + negatives);
  }
  const { auroc } = stratified(
    scores.map(({ auroc, positives, negatives }) => ({ auroc, positives, negatives })),
  );
  // Whatever the others say of it.
  if (scores.some(({ diverged }) => diverged)) return { round: model.round, auroc: null, loss: Infinity };
  return { round: model.round, auroc, loss: Number.isNaN(sum) ? Infinity : sum / images };
}

function better(a: Rated, b: Rated): boolean {
  if (a.auroc !== b.auroc) return a.auroc! > b.auroc!;
  if (a.loss !== b.loss) return a.loss < b.loss;
  return a.round < b.round;
}
