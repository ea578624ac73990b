import { assertEquals, assertThrows } from "@std/assert";
import { copiesAcrossSplits } from "../../src/data/copies.ts";
import { jobsOf } from "../../src/data/jobs.ts";
import { Quarantine } from "../../src/data/quarantine.ts";
import type { LabelRow } from "../../src/data/table.ts";
import { readTable } from "../testing/read_table.ts";

function rowsOf(lines: string[]): LabelRow[] {
  const text = ["Image Index,Finding Labels,Patient ID,split", ...lines].join("\n");
  return readTable(text).rows;
}

function quarantineOf(rows: LabelRow[], limit = 1): Quarantine {
  return new Quarantine({ rows: rows.length, limit, file: "q.csv" });
}

Deno.test("jobsOf: of rows with one Image Index the first sound one stays, whatever the others say", () => {
  const rows = rowsOf([
    "a,,1,train",
    "a,Mass,1,train",
    "./a,Mass,2,test",
    "b/../a,Mass,1,train",
    "b//c,Mass,3,test",
    "b/c,Mass,3,test",
  ]);
  const quarantine = quarantineOf(rows);
  const jobs = jobsOf(rows, { quarantine });
  assertEquals(jobs.map(({ index, line, assigned }) => [index, line, assigned]), [[1, 3, "train"], [
    4,
    6,
    "test",
  ]]);
  const { bad_label, outside_folder, duplicate_row, patient_in_two_splits } = quarantine.counts;
  assertEquals([bad_label, outside_folder, duplicate_row, patient_in_two_splits], [1, 1, 2, 0]);
});

Deno.test("jobsOf: absolute paths and every way up are outside the folder, a name with dots is not", () => {
  const rows = rowsOf([
    "/a,Mass,1,train",
    "a/../../b,Mass,1,train",
    "..,Mass,1,train",
    "..\\b,Mass,1,train",
    "..a.png,Mass,1,train",
  ]);
  const quarantine = quarantineOf(rows);
  assertEquals(jobsOf(rows, { quarantine }).map(({ image }) => image), ["..a.png"]);
  assertEquals(quarantine.counts.outside_folder, 4);
});

Deno.test("copiesAcrossSplits: test stays, train and val go where the pixels are in another split", () => {
  const rows = rowsOf([
    "a,Mass,1,train",
    "b,Mass,2,train",
    "c,Mass,3,val",
    "d,Mass,4,test",
    "e,Mass,5,test",
    "f,Mass,6,val",
  ]);
  const jobs = jobsOf(rows, { quarantine: quarantineOf(rows) });
  const gone = (digests: string) => {
    const films = jobs.map((job, i) => ({ job, digest: digests[i] }));
    const copies = copiesAcrossSplits(films);
    return films.filter((film) => copies.has(film)).map(({ job }) => job.image).join("");
  };
  assertEquals(["abcdef", "aacdef", "abaaeb", "abcdda", "aaaaaa", "abcddf"].map(gone), [
    "",
    "",
    "abcf",
    "af",
    "abcf",
    "",
  ]);
});

Deno.test("Quarantine: lists rows by line as CSV, and refuses too many with counts and the list's name", () => {
  const rows = rowsOf(['"b,""x"".png",,1,train', "..,Mass,1,train", "a,Mass,1,train"]);
  const quarantine = quarantineOf(rows);
  jobsOf([...rows].reverse(), { quarantine });
  assertEquals(
    quarantine.toCsv(),
    "line,Image Index,reason,detail\n" + '2,"b,""x"".png",bad_label,an empty finding label\n' +
      "3,..,outside_folder,an Image Index that leads out of the image folder\n",
  );
  const few = quarantineOf(rows, 0.5);
  jobsOf(rows, { quarantine: few });
  const text =
    "expected at most 0.5 of the rows unusable, got 2 of 3: bad_label 1 (e.g. an empty finding label), " +
    "outside_folder 1 (remedy: mend those listed in q.csv or raise --max-quarantine)";
  assertThrows(() => few.check(), Error, text);
  quarantine.check();
});
