import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { assignSplits, type SplitRow } from "../../src/data/split.ts";

/** 400 patients with two films each; every fifth patient has a finding on one of them. */
function films(split?: (patient: number) => SplitRow["split"]): SplitRow[] {
  return Array.from({ length: 800 }, (_, i) => ({
    patient: `P${i >> 1}`,
    findings: (i >> 1) % 5 === 0 && i % 2 ? ["Mass"] : [],
    split: split?.(i >> 1),
  }));
}

/** Patients by split; fails when one is in two. */
function patients(rows: SplitRow[], splits: (string | null)[]): Record<string, Set<string>> {
  const found: Record<string, Set<string>> = { train: new Set(), val: new Set(), test: new Set() };
  rows.forEach((row, i) => found[splits[i]!].add(row.patient));
  const total = Object.values(found).reduce((sum, set) => sum + set.size, 0);
  assertEquals(total, new Set(rows.map((row) => row.patient)).size);
  return found;
}

Deno.test("assignSplits: without a split column 75/10/15 by patient, the same share of each label", () => {
  const rows = films();
  const found = patients(rows, assignSplits(rows));
  assertEquals([found.train.size, found.val.size, found.test.size], [300, 40, 60]);
  const ill = (set: Set<string>) => [...set].filter((id) => Number(id.slice(1)) % 5 === 0).length;
  assertEquals([ill(found.train), ill(found.val), ill(found.test)], [60, 8, 12]);
});

Deno.test("assignSplits: with train and test only, val is 10 % of the training patients and test stays", () => {
  const rows = films((patient) => patient < 100 ? "test" : "train");
  const found = patients(rows, assignSplits(rows));
  assertEquals([found.train.size, found.val.size, found.test.size], [270, 30, 100]);
  assert([...found.test].every((id) => Number(id.slice(1)) < 100));
});

Deno.test("assignSplits: a column that names all three is kept as it is", () => {
  const named = ["train", "val", "test"] as const;
  const rows = films((patient) => named[patient % 3]);
  assertEquals(assignSplits(rows), rows.map((row) => row.split!));
});

Deno.test("assignSplits: all rows of a patient in two splits are null, and no others", () => {
  const rows = films((patient) => patient % 4 ? "train" : "test");
  rows[0].split = "train";
  const splits = assignSplits(rows);
  assertEquals(splits.map((split, i) => split === null ? i : -1).filter((i) => i >= 0), [0, 1]);
});

Deno.test("assignSplits: depends on patients and salt only, not on the order of rows", () => {
  const rows = films();
  const splits = assignSplits(rows);
  assertEquals(assignSplits([...rows].reverse()).reverse(), splits);
  assertNotEquals(assignSplits(rows, { salt: "other" }), splits);
});

Deno.test("assignSplits: a class of three patients still reaches val", () => {
  const rows = ["a", "b", "c", "d", "e", "f"].map((patient, i) => ({
    patient,
    findings: i < 3 ? ["Mass"] : [],
  }));
  const splits = assignSplits(rows);
  assertEquals(splits.slice(0, 3).filter((split) => split === "val").length, 1);
  assertEquals(splits.slice(3).filter((split) => split === "val").length, 1);
});
