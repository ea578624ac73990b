import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { gzipSync } from "node:zlib";
import { recognise } from "../../../src/data/tables/published.ts";
import { chexpert, mimic, padchest, rsna, vindrBoxes, vindrLabels } from "../../testing/published_tables.ts";

const utf8 = (text: string) => new TextEncoder().encode(text);
const formOf = (text: string) => recognise(utf8(text), { path: "labels.csv" }).form.name;
const NIH = "Image Index,Finding Labels,Patient ID\na.png,Mass,1\n";

/** Text of every published table, by its name. */
const TABLES = Object.fromEntries(
  [chexpert(), mimic(), padchest(), vindrLabels(), vindrBoxes(), rsna()].map(({ tables, labels }) =>
    tables[labels]
  ).map((text) => [formOf(text), text]),
);

Deno.test("recognise: every published table by its columns, whatever their order", () => {
  const names = ["CheXpert", "MIMIC-CXR-JPG", "PadChest", "VinDr-CXR, a row a reader"];
  assertEquals(Object.keys(TABLES), [...names, "VinDr-CXR, a row a box", "RSNA Pneumonia"]);
  assertEquals(formOf(NIH), "NIH ChestX-ray14");
  for (const [name, text] of Object.entries(TABLES)) {
    const header = text.split("\n")[0].split(",").reverse().join(",");
    const row = ",".repeat(header.split(",").length - 1);
    assertEquals(formOf(`${header}\n${row}\n`), name);
  }
});

Deno.test("recognise: columns of two tables are refused with both names, those of none with all and the header", () => {
  const header = "Image Index,Finding Labels,Patient ID,ImageID,PatientID,Projection,Labels";
  const both = assertThrows(() => formOf(`${header}\n`), SyntaxError) as Error;
  assertStringIncludes(both.message, "got those of NIH ChestX-ray14 (Image Index) and PadChest (ImageID)");
  assertStringIncludes(both.message, "say with --columns which to read");
  const none = assertThrows(() => formOf("File,Diagnosis\na,b\n"), SyntaxError) as Error;
  for (const name of ["NIH ChestX-ray14 (Image Index)", ...Object.keys(TABLES)]) {
    assertStringIncludes(none.message, name);
  }
  assertStringIncludes(none.message, "got others; the header found is: File, Diagnosis");
});

Deno.test("recognise: each column that a table must have is named where it is missing", () => {
  for (const text of Object.values(TABLES)) {
    const { form } = recognise(utf8(text), { path: "labels.csv" });
    for (const column of form.columns.filter((column) => !form.known.includes(column))) {
      const other = text.replace(new RegExp(`(^|,)${column.replace("/", "\\/")}(,|\n)`), "$1x$2");
      assertThrows(() => formOf(other), SyntaxError, `expected a column "${column}"; the header found is: `);
    }
  }
});

Deno.test("recognise: a gzipped table is read, a torn one refused; the wrong delimiter is named for every table", () => {
  const packed = gzipSync(utf8(NIH));
  assertEquals(recognise(packed, { path: "l.csv.gz" }).csv.rows[0].cell("Image Index"), "a.png");
  assertThrows(
    () => recognise(packed.subarray(0, 20), { path: "l.csv.gz" }),
    SyntaxError,
    "unpack it and name",
  );
  for (const text of Object.values(TABLES)) {
    assertThrows(() => formOf(text.replaceAll(",", ";")), SyntaxError, "got semicolons");
  }
});
