/**
 * Who is in train, val and test: by patient, never by film.
 *
 * Why ranks of a hash and not a threshold on it: a small hospital then still gets the stated share of each class
 * (with 40 positive patients a threshold at 10 % may draw one, or nine).
 */

import { digest } from "../files/digest.ts";
import { type Split, SPLITS } from "./manifest.ts";

/** What splitting needs of a row. */
export interface SplitRow {
  patient: string;
  findings: readonly string[];
  /** `null`: the row itself is in two splits. */
  split?: Split | null;
}

/** Salt of the hash where none is given. */
export const DEFAULT_SALT = "fedx-1";

/** Shares of the patients where the labels file has no split: 75/10/15. */
const SHARES = { val: 0.10, test: 0.15 } as const;

/**
 * One split a row. A named split stays; a patient of `train` goes to `val` by hash when no row names `val` (10 % of
 * the patients of each label); without any split 75/10/15 % of the patients. `null` = the patient is in two splits.
 *
 * @param options.salt of the hash @default DEFAULT_SALT
 */
export function assignSplits(rows: readonly SplitRow[], options: { salt?: string } = {}): (Split | null)[] {
  const { salt = DEFAULT_SALT } = options;
  const home = new Map<string, Split | null>();
  const positive = new Map<string, boolean>();
  for (const { patient, findings, split = "train" } of rows) {
    positive.set(patient, (positive.get(patient) ?? false) || findings.length > 0);
    const before = home.get(patient);
    home.set(patient, before === undefined || before === split ? split : null);
  }
  const named = new Set(rows.map((row) => row.split));
  const shares = SPLITS.every((split) => !named.has(split))
    ? SHARES
    : { val: named.has("val") ? 0 : SHARES.val, test: 0 };
  for (const label of [false, true]) {
    const pool = [...home.keys()].filter((id) => home.get(id) === "train" && positive.get(id) === label);
    draw(byHash(pool, salt), shares, home);
  }
  return rows.map((row) => home.get(row.patient)!);
}

/** Gives the first share of `patients` to val, the next to test; a share of a class of 3 or more is never empty. */
function draw(
  patients: string[],
  shares: { val: number; test: number },
  home: Map<string, Split | null>,
): void {
  let at = 0;
  for (const split of ["val", "test"] as const) {
    const exact = shares[split] * patients.length;
    const count = exact > 0 && patients.length >= 3 ? Math.max(1, Math.round(exact)) : 0;
    for (const id of patients.slice(at, at + count)) home.set(id, split);
    at += count;
  }
}

function byHash(patients: string[], salt: string): string[] {
  const key = (id: string) => digest(`${salt}\0${id}`);
  const keyed = patients.map((id) => ({ id, key: key(id) }));
  return keyed.sort((a, b) => a.key < b.key ? -1 : 1).map(({ id }) => id);
}
