import { assertEquals } from "@std/assert";
import { fewPatients } from "../../../src/cli/output/few_patients.ts";
import { labelTable, outsiders } from "../../../src/cli/output/labels.ts";
import { Vocabulary } from "../../../src/data/vocabulary.ts";

const count = (...labels: string[]) =>
  new Vocabulary(["Normal"]).count(labels.map((text) => ({ labels: text.split("|") })));

Deno.test("labelTable shows each name with its films, how it is read and how else it is written", () => {
  const text = labelTable(count("Normal", "No Finding", "mass", "Mass|Abnormal"));
  assertEquals(text.split("\n").map((line) => line.trim().split(/ {2,}/)), [
    ["label", "films", "read as", "also written"],
    ["No Finding", "1", "no finding"],
    ["Normal", "1", "no finding"],
    ["Mass", "2", "finding", "mass"],
    ["Abnormal", "1", "other: as a finding"],
  ]);
  assertEquals(labelTable(count("Mass")).includes("also written"), false);
});

Deno.test("labelTable fits 80 columns whatever a name is", () => {
  const name = "A name that a radiologist wrote as a whole sentence, and with_words_that_nothing_breaks_"
    .repeat(3);
  const lines = labelTable(count(name, name.toUpperCase(), "Mass")).split("\n");
  assertEquals(Math.max(...lines.map((line) => line.length)) <= 80, true);
  assertEquals(lines.map((line) => line.slice(1, 9).trim()).join("").includes("A name"), true);
});

Deno.test("outsiders warns of names that are not NIH's, the commonest first, and of no others", () => {
  assertEquals(outsiders(count("Normal", "no finding", "Mass")), null);
  assertEquals(
    outsiders(count("Clear", "Abnormal", "Abnormal", "Mass")),
    "not NIH's label names, so read as findings: Abnormal (2), Clear (1); " +
      "where one means nothing found, name it with --negative",
  );
  const many = outsiders(count(...Array.from({ length: 9 }, (_, i) => `${i}${"x".repeat(60)}`)))!;
  assertEquals(many.includes(`0${"x".repeat(38)}… (1), `) && many.includes("(1), 3 more; "), true, many);
});

Deno.test("fewPatients warns of val and test below 10 patients of either class, and of one without films", () => {
  const of = (positives: number, negatives: number) => ({ positives, negatives });
  assertEquals(fewPatients({ train: of(1, 1), val: of(10, 10), test: of(11, 10) }), []);
  assertEquals(fewPatients({ train: of(50, 50), val: of(9, 30), test: of(0, 0) }), [
    "val: 9 patients with a finding, 30 without; below 10 of either, a run has no val AUROC of this hospital",
    "test: no films; below 10 of either, a run has no test AUROC of this hospital",
  ]);
});
