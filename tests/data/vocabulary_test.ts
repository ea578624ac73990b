import { assertEquals, assertThrows } from "@std/assert";
import { Vocabulary } from "../../src/data/vocabulary.ts";

const films = (...labels: string[]) => labels.map((text) => ({ labels: text.split("|") }));

Deno.test("Vocabulary.read: NIH's names in any spelling, the hospital's own words for nothing found, and all else", () => {
  const vocabulary = new Vocabulary(["Normal", "ohne_Befund"]);
  const readings = {
    "No Finding": "no finding",
    "no_finding": "no finding",
    "NORMAL ": "no finding",
    "Ohne  Befund": "no finding",
    "pleural thickening": "finding",
    "Abnormal": "other",
    "No Findings": "other",
  };
  for (const [name, reading] of Object.entries(readings)) {
    assertEquals([name, vocabulary.read(name)], [name, reading]);
  }
  assertEquals(new Vocabulary().read("Normal"), "other");
});

Deno.test("Vocabulary: the table's own words for nothing found are read so, need not occur and are not the hospital's", () => {
  const vocabulary = new Vocabulary(["clear"], { table: ["normal"] });
  assertEquals([vocabulary.read("Normal"), vocabulary.read("Clear")], ["no finding", "no finding"]);
  assertEquals(vocabulary.negative, ["clear"]);
  vocabulary.checkUsed(films("clear", "Mass"), "l.csv");
});

Deno.test("Vocabulary.count: every name with its films once a film, its reading and its other spellings", () => {
  const counts = new Vocabulary(["Normal"]).count(
    films(
      "No Finding",
      "normal",
      "Normal",
      "Mass|mass|Abnormal",
      "Mass",
      "Pleural Thickening",
      "abnormal",
      "x",
    ),
  );
  assertEquals(counts, [
    { name: "normal", films: 2, reading: "no finding", spellings: ["Normal"] },
    { name: "No Finding", films: 1, reading: "no finding", spellings: [] },
    { name: "Mass", films: 2, reading: "finding", spellings: ["mass"] },
    { name: "Pleural_Thickening", films: 1, reading: "finding", spellings: ["Pleural Thickening"] },
    { name: "Abnormal", films: 2, reading: "other", spellings: ["abnormal"] },
    { name: "x", films: 1, reading: "other", spellings: [] },
  ]);
});

Deno.test("Vocabulary.count: what another table calls an NIH finding is counted with it, once a film", () => {
  const counts = new Vocabulary().count(films("Effusion", "Pleural Effusion|Effusion", "pleural effusion"));
  assertEquals(counts, [
    { name: "Effusion", films: 3, reading: "finding", spellings: ["Pleural Effusion", "pleural effusion"] },
  ]);
});

Deno.test("Vocabulary: one of NIH's findings is no word for nothing found; No Finding and a word twice add nothing", () => {
  assertThrows(
    () => new Vocabulary(["Normal", "pleural thickening"]),
    RangeError,
    "expected words for nothing found, got pleural thickening, one of NIH's 14 findings",
  );
  assertEquals(new Vocabulary(["no finding", "Normal", "normal"]).negative, ["Normal"]);
});

Deno.test("Vocabulary.checkUsed: a word that no row has is refused with the names that are there", () => {
  const check = (negative: string[]) =>
    new Vocabulary(negative).checkUsed(films("Normal|x", "Mass", "No Finding"), "l.csv");
  check(["normal", "No Finding"]);
  assertThrows(
    () => check(["Normal", "Norml"]),
    RangeError,
    "Cannot read labels l.csv: expected every name of --negative among the labels, got no Norml; " +
      "what is there and not NIH's is x (remedy: correct the name or leave it out)",
  );
  assertThrows(
    () => new Vocabulary(["Normal", "clear"]).checkUsed(films("Normal, clear"), "l.csv"),
    RangeError,
    "got no Normal, clear; what is there and not NIH's is Normal\\, clear (remedy: correct the name or leave it out; " +
      "a comma within a name is written \\,, in quotes)",
  );
});
