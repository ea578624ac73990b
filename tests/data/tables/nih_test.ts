import { assertEquals, assertThrows } from "@std/assert";
import { readTable } from "../../testing/read_table.ts";

const HEADER = "Image Index,Finding Labels,Patient ID,Patient Age,Patient Gender,View Position,split";
const read = (text: string | Uint8Array) => readTable(text).rows;

Deno.test("a table in NIH's columns: BOM, CRLF, quotes and blank lines are read as CSV says", () => {
  const rows = read(
    `\uFEFF${HEADER}\r\n"a,1.png",Effusion|Mass,7,058Y,M,PA,test\r\n\r\nb.png,No Finding,8,,,,train\r\n`,
  );
  assertEquals(rows.length, 2);
  const { image, findings, patient, split, bad } = rows[0];
  assertEquals([image, findings, patient], ["a,1.png", ["Effusion", "Mass"], "7"]);
  assertEquals([split, bad], ["test", undefined]);
  assertEquals(rows[1].findings, []);
});

Deno.test("a table in NIH's columns: NIH's own header with its empty last column is read", () => {
  const rows = read(
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position," +
      "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],\n" +
      "00000001_000.png,Cardiomegaly,0,1,58,M,PA,2682,2749,0.143,0.143,\n",
  );
  assertEquals([rows[0].split, rows[0].patient, rows[0].bad], [undefined, "1", undefined]);
});

Deno.test("a table in NIH's columns: a missing column is named with the header found", () => {
  const error = assertThrows(
    () => read("Image Index,Labels,Patient ID\na,b,c\n"),
    SyntaxError,
    `"Finding Labels"`,
  );
  assertEquals((error as Error).message.includes("Image Index, Labels, Patient ID"), true);
});

Deno.test("a table in NIH's columns: wrong delimiter, encoding, doubled column, ragged row and no rows are each named", () => {
  const bad: [string | Uint8Array, string][] = [
    ["Image Index;Finding Labels;Patient ID\na;b;c\n", "got semicolons"],
    ["Image Index\tFinding Labels\tPatient ID\n", "got tabs"],
    ["Image Index,Finding Labels,Patient ID,Patient ID\na,b,c,d\n", `"Patient ID" occurs twice`],
    ["Image Index,Finding Labels,Patient ID\na,b\n", "line 2"],
    ["Image Index,Finding Labels,Patient ID\n", "a header only"],
    ["", "the header found is: (none)"],
    [new Uint8Array([0xff, 0xfe, 0x49, 0, 0x6d, 0]), "got UTF-16"],
    [new Uint8Array([0x49, 0, 0x6d, 0]), "got UTF-16"],
    [new Uint8Array([0x49, 0xe4, 0x6d]), "expected UTF-8"],
  ];
  for (const [content, message] of bad) {
    assertThrows(() => read(content), SyntaxError, message);
  }
});

Deno.test("a table in NIH's columns: rows that cannot be used say why, the others stay", () => {
  const rows = read(
    "Image Index,Finding Labels,Patient ID,split\na,,1,train\nb,No Finding|Mass,1,train\nc,Mass,,train\n" +
      "d,Mass,1,valid\ne,Mass,1,TRAIN\nf,Mass|,1,train\n",
  );
  assertEquals(rows.map((row) => row.bad), [
    "an empty finding label",
    `"No Finding" beside a finding`,
    "no Image Index or no Patient ID",
    `split "valid", not one of train, val, test`,
    undefined,
    "an empty finding label",
  ]);
});

Deno.test("a table in NIH's columns: a row says all that is wrong with it, so that one correction is enough", () => {
  const rows = read(
    "Image Index,Finding Labels,Patient ID,split\na,No Finding|Mass|,,valid\nb,Mass|No\u001b[2J,1,train\n",
  );
  assertEquals(rows.map((row) => row.bad), [
    'no Image Index or no Patient ID; an empty finding label; "No Finding" beside a finding; ' +
    'split "valid", not one of train, val, test',
    "a control character in Finding Labels",
  ]);
});

Deno.test("a table in NIH's columns: a hospital's own words for nothing found are no findings, alone, together, and not beside one", () => {
  const text = "Image Index,Finding Labels,Patient ID\na,normal,1\nb,Normal|No Finding,2\nc,Mass|Normal,3\n";
  const { rows } = readTable(text, { negative: ["Normal"] });
  assertEquals(rows.map(({ findings }) => findings), [[], [], ["Mass"]]);
  assertEquals(rows.map(({ bad }) => bad), [undefined, undefined, '"Normal" beside a finding']);
  assertEquals(rows[1].labels, ["Normal", "No Finding"]);
  assertEquals(read(text)[0].findings, ["normal"]);
});
