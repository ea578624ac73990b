/** What single rows of the published tables are read as, and what is said of those that cannot be used. */

import { assertEquals } from "@std/assert";
import type { LeftOut } from "../../../src/data/table.ts";
import {
  chexpert,
  mimic,
  padchest,
  type PublishedSet,
  rsna,
  vindrBoxes,
  vindrLabels,
} from "../../testing/published_tables.ts";
import { type ReadOptions, readTable } from "../../testing/read_table.ts";

/** Reads the first lines of a set's labels file, each changed; line 2 is the first below the header. */
function read(
  set: PublishedSet,
  edit: (line: string, number: number) => string,
  options: ReadOptions & { lines?: number } = {},
) {
  const { lines = 1 } = options;
  const text = set.tables[set.labels].split("\n").slice(0, 1 + lines);
  const beside = Object.fromEntries(
    Object.entries(set.tables).map(([path, text]) => [path.replace(/.*\//, ""), text]),
  );
  const edited = text.map((line, i) => i === 0 ? line : edit(line, i + 1)).join("\n");
  return readTable(edited, { ...options, beside: { ...beside, ...options.beside } });
}

/** By which rules films are left out. */
function told(leftOut: LeftOut): string {
  const rules = Object.entries(leftOut).filter(([, count]) => count > 0);
  return `left out: ${rules.map(([rule]) => rule).join(", ")}`;
}

/** A CheXpert row of these values of the 14 columns. */
const chexpertRow = (values: string, about = "Female,68,Frontal,PA") => (line: string) =>
  `${line.split(",")[0]},${about},${values}${",".repeat(13 - values.split(",").length + 1)}`;

Deno.test("an archive's own words: columns age, sex and view tell facts, and laterals are left out", () => {
  const lines = ["1.2.1,Mass,058Y,F,PA", "1.2.2,Mass,,,LL", "1.2.3,No Finding,,,"];
  const { rows, leftOut } = readTable(`SOPInstanceUID,Finding Labels,age,sex,view\n${lines.join("\n")}\n`);
  assertEquals(rows.map(({ image, facts }) => [image, facts]), [
    ["1.2.1", { age: 58, sex: "female", view: "PA" }],
    ["1.2.3", undefined],
  ]);
  assertEquals(told(leftOut), "left out: lateral_view");
});

Deno.test("CheXpert: age, sex and view of a film; who is older than 89 counts as 89", () => {
  const facts = (about: string) => read(chexpert(), chexpertRow("1.0", about)).rows[0].facts;
  assertEquals(facts("Female,68,Frontal,PA"), { age: 68, sex: "female", view: "PA" });
  assertEquals(facts("Male,90,Frontal,AP"), { age: 89, sex: "male", view: "AP" });
  assertEquals(facts("Unknown,,Frontal,LL"), undefined);
});

Deno.test("CheXpert: values, contradictions and rows that say nothing", () => {
  const said = (values: string, options: ReadOptions = {}, about?: string) => {
    const { rows: [row], leftOut } = read(chexpert(), chexpertRow(values, about), options);
    return row?.bad ?? row?.labels ?? told(leftOut);
  };
  assertEquals(said("1.0"), ["No Finding"]);
  assertEquals(said("0,0,0,0,0,0,0,0,0,0,0,0,0,1"), ["No Finding"]);
  assertEquals(said("0,1,,,,,,,1.0"), ["Enlarged Cardiomediastinum", "Atelectasis"]);
  assertEquals(said(",0,0"), "left out: unlabelled");
  assertEquals(said("1,,,,,,,1"), `"No Finding" beside a finding`);
  assertEquals(said("1,,,,,,,-1", { uncertain: "one" }), `"No Finding" beside a finding`);
  assertEquals(said("1,,,,,,,-1", { uncertain: "zero" }), ["No Finding"]);
  assertEquals(said(",,,,,,,-1,0", { uncertain: "zero" }), ["No Finding"]);
  assertEquals(said(",1,,,,,,-1"), "left out: uncertain");
  assertEquals(said(",1,,,,,,,,,,,,-1"), ["Enlarged Cardiomediastinum"]);
  assertEquals(said("-1"), `No Finding "-1", not one of 1, 0, -1 or empty`);
  assertEquals(
    said("yes,,2,,,,,,,,,,,x"),
    ['No Finding "yes"', 'Cardiomegaly "2"', 'Support Devices "x"'].map((text) =>
      `${text}, not one of 1, 0, -1 or empty`
    ).join("; "),
  );
  assertEquals(said("1", {}, ",,Oblique,"), 'Frontal/Lateral "Oblique", neither of the two');
  assertEquals(said("9", {}, ",,Lateral,"), "left out: lateral_view");
});

Deno.test("CheXpert: the folders of train and valid are a split where the table has both", () => {
  const move = (line: string, number: number) => number % 3 ? line : line.replace("/train/", "/valid/");
  const both = read(chexpert(), move, { lines: 28 });
  assertEquals([both.split, new Set(both.rows.map(({ split }) => split))], [
    "path",
    new Set(["train", "val"]),
  ]);
  const one = read(chexpert(), (line) => line, { lines: 28 });
  assertEquals([one.split, new Set(one.rows.map(({ split }) => split))], [undefined, new Set([undefined])]);
  assertEquals(both.rows[0].patient, "patient00003");
  const astray = read(chexpert(), (line, number) => number % 3 ? line : line.replace("/train/", "/"), {
    lines: 28,
  });
  assertEquals(new Set(astray.rows.map(({ split }) => split)), new Set([undefined]));
});

Deno.test("MIMIC-CXR-JPG: studies and images that the files beside it lack, and other patients, are told", () => {
  const bad = (edit: (line: string) => string, beside: Record<string, string> = {}) =>
    read(mimic(), edit, { beside }).rows.map(({ bad }) => bad);
  const [file] = Object.entries(mimic().tables).filter(([path]) => path.endsWith("split.csv"));
  const split = { "mimic-cxr-2.0.0-split.csv": file[1] };
  assertEquals(bad((line) => line), [undefined]);
  assertEquals(bad((line) => line.replace("50000091", "5")), [
    "no dicom_id or no subject_id; a study_id that mimic-cxr-2.0.0-metadata.csv lacks",
  ]);
  assertEquals(bad((line) => line.replace("10000037", "10000038")), [
    "another subject_id in mimic-cxr-2.0.0-metadata.csv",
  ]);
  const name = "mimic-cxr-2.0.0-split.csv";
  assertEquals(bad((line) => line, { [name]: split[name].replace("00000001-00000000", "x") }), [
    "a dicom_id that mimic-cxr-2.0.0-split.csv lacks",
  ]);
  assertEquals(bad((line) => line, { [name]: split[name].replace("train", "dev") }), [
    'split "dev", not one of train, val, test',
  ]);
  const { rows: [row] } = read(mimic(), (line) => line);
  assertEquals(row.image, "files/p10/p10000037/s50000091/00000001-00000000.jpg");
  assertEquals([row.patient, row.facts, row.split], ["10000037", { view: "PA" }, "train"]);
});

Deno.test("PadChest: age of two dates, and labels that are no list", () => {
  const facts = read(padchest(), (line) => line, { lines: 4 }).rows.map(({ facts }) => facts);
  assertEquals([facts[0], facts[3]], [
    { age: 89, sex: "female", view: "PA" },
    { age: 89, sex: "female", view: "AP" },
  ]);
  const young = read(padchest(), (line) => line.replace("1914.0", "1950"));
  assertEquals(young.rows[0].facts?.age, 65);
  const labels = (cell: string) => {
    const { rows: [row], leftOut } = read(padchest(), (line) => line.replace(/"\[.*?\]"/, cell));
    return row?.bad ?? row?.labels ?? told(leftOut);
  };
  assertEquals(labels(`"['normal']"`), ["normal"]);
  assertEquals(labels(`"[""chilaiditi's sign"", 'mass']"`), ["chilaiditi's sign", "mass"]);
  assertEquals(labels(`"['normal', 'mass']"`), `"normal" beside a finding`);
  assertEquals(labels(""), "left out: unlabelled");
  assertEquals(labels("[]"), "left out: unlabelled");
  for (const cell of ["normal", "['normal'", "['normal' 'mass']", "['normal',, 'mass']", "[normal]"]) {
    assertEquals(labels(`"${cell}"`), `Labels "${cell}", not a list such as ['normal']`);
  }
});

Deno.test("VinDr-CXR: values, readers and classes that cannot be are told", () => {
  const bad = (set: PublishedSet, edit: (line: string) => string) =>
    read(set, edit, { lines: 3 }).rows.map(({ bad }) => bad);
  assertEquals(bad(vindrLabels(), (line) => line), [undefined]);
  assertEquals(bad(vindrLabels(), (line) => line.replace(/,0,/, ",-1,")), [
    'Aortic enlargement "-1", neither 0 nor 1',
  ]);
  assertEquals(bad(vindrLabels(), (line) => line.replace(/,R\d+,/, ",R1,")), ["a reader twice"]);
  assertEquals(bad(vindrLabels(), (line) => line.replace(/,R\d+,/, ",,")), ["no rad_id; a reader twice"]);
  assertEquals(bad(vindrBoxes(), (line) => line.replace(/Pleural effusion/, "")), ["an empty class_name"]);
  const none = read(vindrLabels(), (line) => line.replace(/^\w+/, ""), { lines: 3 });
  assertEquals(none.rows.map(({ bad }) => bad), ["no image_id or no image_id"]);
});

Deno.test("RSNA: targets and classes that contradict each other or are missing are told", () => {
  const name = "stage_2_detailed_class_info.csv";
  const file = rsna().tables[`rsna/${name}`];
  const bad = (edit: (line: string) => string, classes = file) =>
    read(rsna(), edit, { lines: 3, beside: { [name]: classes } }).rows.map(({ bad }) => bad);
  const second = (line: string, number: string) => line.includes("0002") ? line.replace(/1$/, number) : line;
  assertEquals(bad((line) => line), [undefined, undefined]);
  assertEquals(bad((line) => second(line, "0")), [undefined, "Target 0 beside class Lung Opacity"]);
  assertEquals(bad((line) => second(line, "")), [undefined, 'Target "", neither 0 nor 1']);
  assertEquals(bad((line) => line, file.replace("Lung Opacity", "Normal")), [
    "Target 1 beside class Normal",
    undefined,
  ]);
  assertEquals(bad((line) => line, file.replace("Lung Opacity", "Ill")), [
    'class "Ill", not one of Normal, No Lung Opacity / Not Normal, Lung Opacity',
    undefined,
  ]);
  const other = file.replace(/^(.*0002),Lung Opacity$/m, "$1,Normal");
  assertEquals(bad((line) => line, other), [undefined, "classes Normal and Lung Opacity"]);
  assertEquals(bad((line) => line, file.replaceAll(/^.*0002,.*\n/gm, "")), [
    undefined,
    "a patientId that stage_2_detailed_class_info.csv lacks",
  ]);
  let line = 0;
  assertEquals(bad((text) => second(text, String(line++ % 2))), [undefined, "Target 0 and 1"]);
});
