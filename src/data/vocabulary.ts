/**
 * How label names are read.
 *
 * Why names that are not NIH's count as a finding, and are told: a hospital's own finding is one, but its own word for
 * nothing found would turn healthy films into ill ones, and only the hospital knows which is which.
 */

import { refusal } from "../refusal.ts";
import { isNoFinding, nihName, storedName } from "./findings.ts";
import { spelling } from "../spelling.ts";

/** What a label name says of a film; `other`, a name that is not NIH's, counts as a finding. */
export type Reading = "no finding" | "finding" | "other";

/** In the order in which label names are listed. */
const READINGS: readonly Reading[] = ["no finding", "finding", "other"];

/** A label name, all its spellings together. */
export interface LabelCount {
  /** In NIH's spelling, else in the first one met. */
  name: string;
  /** Films that have it. */
  films: number;
  reading: Reading;
  /** How else it is written in the labels file. */
  spellings: string[];
}

/** NIH's label names, and a hospital's own words for nothing found. */
export class Vocabulary {
  /** The hospital's words for nothing found, each in one spelling. */
  readonly negative: readonly string[];
  readonly #negative: ReadonlySet<string>;

  /**
   * @param negative the hospital's words for nothing found
   * @param options.table those of the table itself, as its publisher uses them @default none
   * @throws {RangeError} when one of the hospital's words is an NIH finding
   */
  constructor(negative: readonly string[] = [], options: { table?: readonly string[] } = {}) {
    const words = new Map<string, string>();
    for (const word of negative.map((word) => word.trim())) {
      if (isNoFinding(word)) continue;
      const finding = nihName(word);
      if (finding === undefined) words.set(spelling(word), words.get(spelling(word)) ?? word);
      else {
        throw refusal(RangeError, {
          what: "Cannot read --negative",
          expected: "words for nothing found",
          got: `${word}, one of NIH's 14 findings`,
          remedy: "leave it out",
        });
      }
    }
    this.negative = [...words.values()];
    this.#negative = new Set([...words.keys(), ...(options.table ?? []).map(spelling)]);
  }

  /** What a label name says. */
  read(name: string): Reading {
    if (isNoFinding(name) || this.#negative.has(spelling(name))) return "no finding";
    return nihName(name) === undefined ? "other" : "finding";
  }

  /** Every label name of some films: what says nothing found first, other names last, each from the commonest on. */
  count(films: Iterable<{ labels: readonly string[] }>): LabelCount[] {
    const counts = new Map<string, LabelCount>();
    for (const { labels } of films) {
      const here = new Set<string>();
      for (const name of labels) {
        const key = spelling(storedName(name));
        const count = counts.get(key) ??
          { name: storedName(name), films: 0, reading: this.read(name), spellings: [] };
        counts.set(key, count);
        if (!here.has(key)) count.films++;
        here.add(key);
        if (name !== count.name && !count.spellings.includes(name)) count.spellings.push(name);
      }
    }
    const rank = ({ reading }: LabelCount) => READINGS.indexOf(reading);
    return [...counts.values()].sort((a, b) =>
      rank(a) - rank(b) || b.films - a.films || (a.name < b.name ? -1 : 1)
    );
  }

  /** @throws {RangeError} when a word for nothing found is in no row: it may be misspelt, and its films would be ill */
  checkUsed(rows: Iterable<{ labels: readonly string[] }>, path: string): void {
    if (this.negative.length === 0) return;
    const counts = this.count(rows);
    const there = new Set(counts.map(({ name }) => spelling(name)));
    const unused = this.negative.filter((word) => !there.has(spelling(word)));
    if (unused.length === 0) return;
    const typed = (names: readonly string[]) => names.map((name) => name.replaceAll(",", "\\,")).join(", ");
    const others = counts.filter(({ reading }) => reading === "other").map(({ name }) => name);
    const some = typed(others.slice(0, 8)) + (others.length > 8 ? ", …" : "");
    throw refusal(RangeError, {
      what: `Cannot read labels ${path}`,
      expected: "every name of --negative among the labels",
      got: `no ${typed(unused)}${others.length > 0 ? `; what is there and not NIH's is ${some}` : ""}`,
      remedy: "correct the name or leave it out" +
        (others.some((name) => name.includes(","))
          ? "; a comma within a name is written \\,, in quotes"
          : ""),
    });
  }
}
