/**
 * The pooled AUROC of silos that show no score: merged histograms of their test logits, and the interval they prove.
 *
 * Why an interval: two films in disjoint intervals of logits are in a known order, two in overlapping ones are not.
 * Pairs within one silo are known exactly, since each silo sends its own exact AUROC; so only pairs of films from
 * two silos can be unknown.
 */
import { ProtocolError } from "../protocol/errors.ts";
import type { Proposal, Scores } from "../protocol/messages.ts";
import type { Predictions } from "../../model/predictions.ts";

/** Fewest patients of a class in a cell that is not empty. */
export const MIN_CELL = 5;
/** Fewest test patients of each class of a silo that sends a histogram. */
const MIN_PATIENTS = 20;

/** An AUROC is a quotient of pairs in doubles. */
const ROUNDING = 1e-9;

/** The bins that the plan fixes: `bins` equal ones on [low, high), and an open end on either side. */
type Bins = Proposal["histogram"];
/** Films by class in merged bins; interval i covers the bins from `first[i]` to before `first[i + 1]`. */
export type MergedHistogram = NonNullable<NonNullable<Scores["test"]>["histogram"]>;

/** All bins, the two open ends included. */
function binCount({ bins }: Bins): number {
  return bins + 2;
}

/**
 * Merges neighbouring bins until every class cell that is not empty holds ≥ 5 patients; among all such mergings the
 * one that leaves the fewest pairs of the silo's own films in one interval, then the one with the most intervals.
 *
 * @param predictions (n) test logits, none of them NaN.
 * @returns null when fewer than 20 patients have films of either class.
 */
export function mergedHistogram(predictions: Predictions, bins: Bins): MergedHistogram | null {
  const byBin = filmsByBin(predictions, bins);
  const count = byBin.length;
  if (cellOf(predictions, byBin.flat()).patients.some((patients) => patients < MIN_PATIENTS)) return null;
  // best[j]: the cheapest merging of the bins before j, and where its last interval begins.
  const best: { pairs: number; intervals: number; from: number }[] = [{ pairs: 0, intervals: 0, from: 0 }];
  for (let to = 1; to <= count; to++) best.push({ pairs: Infinity, intervals: 0, from: 0 });
  for (let from = 0; from < count; from++) {
    const { pairs, intervals } = best[from];
    if (pairs === Infinity) continue;
    const cell = new Cell(predictions);
    for (let to = from + 1; to <= count; to++) {
      cell.add(byBin[to - 1]);
      if (!cell.mayLeave) continue;
      const one = { pairs: pairs + cell.films[0] * cell.films[1], intervals: intervals + 1, from };
      const other = best[to];
      if (one.pairs < other.pairs || (one.pairs === other.pairs && one.intervals > other.intervals)) {
        best[to] = one;
      }
    }
  }
  const first: number[] = [];
  for (let to = count; to > 0; to = best[to].from) first.unshift(best[to].from);
  const cells = first.map((from, i) =>
    cellOf(predictions, byBin.slice(from, first[i + 1] ?? count).flat()).films
  );
  return { first, negatives: cells.map(([n]) => n), positives: cells.map(([, p]) => p) };
}

/** Films and distinct patients by class, [negative, positive]. */
class Cell {
  readonly films: [number, number] = [0, 0];
  readonly #patients = [new Set<number>(), new Set<number>()];
  readonly #predictions: Predictions;

  constructor(predictions: Predictions) {
    this.#predictions = predictions;
  }

  get patients(): number[] {
    return this.#patients.map(({ size }) => size);
  }

  get mayLeave(): boolean {
    return this.patients.every((patients) => patients === 0 || patients >= MIN_CELL);
  }

  add(films: readonly number[]): void {
    const { labels, patients } = this.#predictions;
    for (const film of films) {
      this.films[labels[film]]++;
      this.#patients[labels[film]].add(patients[film]);
    }
  }
}

function cellOf(predictions: Predictions, films: readonly number[]): Cell {
  const cell = new Cell(predictions);
  cell.add(films);
  return cell;
}

/** Indices of the films in each bin. The bin grows with the logit, whatever its rounding. */
function filmsByBin({ logits }: Predictions, bins: Bins): number[][] {
  const byBin: number[][] = Array.from({ length: binCount(bins) }, () => []);
  for (const [film, logit] of logits.entries()) {
    const inside = Math.floor((logit - bins.low) / (bins.high - bins.low) * bins.bins);
    byBin[Math.min(bins.bins, Math.max(-1, inside)) + 1].push(film);
  }
  return byBin;
}

/**
 * Whether a histogram is one that `mergedHistogram` may give for these counts, and the AUROC one that its films may have.
 * @throws {ProtocolError} `wrong_counts`.
 */
export function checkHistogram(
  histogram: MergedHistogram,
  expected: { positives: number; negatives: number; auroc: number | null; bins: Bins },
): void {
  checkCells(histogram, expected);
  const { positives, negatives, auroc } = expected;
  const pairs = positives * negatives;
  const own = sureOrder([histogram]);
  const lower = own.wins / pairs, upper = 1 - own.losses / pairs;
  if (auroc !== null && auroc >= lower - ROUNDING && auroc <= upper + ROUNDING) return;
  throw new ProtocolError("wrong_counts", {
    expected: `a test AUROC of ${lower.toFixed(6)} to ${upper.toFixed(6)}, as its own histogram says`,
    got: String(auroc),
    remedy: "ask that silo how it comes by figures that contradict each other",
  });
}

/** @throws {ProtocolError} `wrong_counts`. */
function checkCells(
  histogram: MergedHistogram,
  expected: { positives: number; negatives: number; bins: Bins },
): void {
  const { first, positives, negatives } = histogram;
  const refuse = (wanted: string, got: unknown) => {
    throw new ProtocolError("wrong_counts", { expected: `${wanted} in the histogram`, got: String(got) });
  };
  if (positives.length !== first.length || negatives.length !== first.length) {
    refuse(`${first.length} cells of each class`, `${positives.length} and ${negatives.length}`);
  }
  const rising = first.every((bin, i) => i === 0 ? bin === 0 : bin > first[i - 1]);
  if (!rising || first.at(-1)! >= binCount(expected.bins)) refuse("first bins that rise from 0", first);
  const small = [...positives, ...negatives].find((films) => films > 0 && films < MIN_CELL);
  if (small !== undefined) refuse(`no class cell of fewer than ${MIN_CELL}`, small);
  for (const [name, cells] of [["positives", positives], ["negatives", negatives]] as const) {
    if (sum(cells) !== expected[name]) refuse(`${expected[name]} ${name}`, sum(cells));
  }
}

/** A silo's test figures, as `pooledInterval` needs them. */
type SiloFigures = Pick<NonNullable<Scores["test"]>, "auroc" | "positives" | "negatives" | "histogram">;

/** The interval that surely holds the AUROC of all films pooled, or why there is none. */
export function pooledInterval(
  silos: Readonly<Record<string, SiloFigures>>,
): { lower: number; upper: number } | { reason: string } {
  const parts = Object.entries(silos);
  const without = parts.filter(([, { histogram, auroc }]) => histogram === undefined || auroc === null);
  if (parts.length === 0) return { reason: "no silo sent test scores" };
  if (without.length > 0) {
    const names = without.map(([silo]) => silo).join(", ");
    return {
      reason:
        `no histogram from ${names}: fewer than ${MIN_PATIENTS} test patients of a class, or a model that gives no numbers`,
    };
  }
  let { wins, losses } = sureOrder(parts.map(([, { histogram }]) => histogram!));
  for (const [, { histogram, auroc, positives, negatives }] of parts) {
    const own = sureOrder([histogram!]);
    wins += auroc! * positives * negatives - own.wins;
    losses += (1 - auroc!) * positives * negatives - own.losses;
  }
  const pairs = sum(parts.map(([, s]) => s.positives)) * sum(parts.map(([, s]) => s.negatives));
  return { lower: wins / pairs, upper: 1 - losses / pairs };
}

/** Pairs of a positive and a negative film whose intervals lie apart: positive above (won), or below (lost). */
function sureOrder(histograms: readonly MergedHistogram[]): { wins: number; losses: number } {
  const intervals = histograms.flatMap(({ first, positives, negatives }) =>
    first.map((from, i) => ({ from, to: first[i + 1] ?? Infinity, p: positives[i], n: negatives[i] }))
  );
  // Negatives in intervals that end at or before a bin, and in those that begin at or after it.
  const ended = new Map<number, number>(), begun = new Map<number, number>();
  for (const { from, to, n } of intervals) {
    ended.set(to, (ended.get(to) ?? 0) + n);
    begun.set(from, (begun.get(from) ?? 0) + n);
  }
  const total = (cells: Map<number, number>, keep: (bin: number) => boolean) =>
    sum([...cells].filter(([bin]) => keep(bin)).map(([, n]) => n));
  let wins = 0, losses = 0;
  for (const { from, to, p } of intervals) {
    if (p === 0) continue;
    wins += p * total(ended, (bin) => bin <= from);
    losses += p * total(begun, (bin) => bin >= to);
  }
  return { wins, losses };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
