import { assertEquals, assertThrows } from "@std/assert";
import { parseColumns } from "../../../src/data/tables/named_columns.ts";
import { readTable } from "../../testing/read_table.ts";

const NIH = "Image Index,Finding Labels,Patient ID,Patient Age,Patient Gender,View Position";

Deno.test("parseColumns: the columns of a table, and what is no such list", () => {
  const three = ["image=File, name", "labels = Diagnosis", "patient=ID"];
  assertEquals(parseColumns(three), { image: "File, name", labels: "Diagnosis", patient: "ID" });
  assertEquals(parseColumns([...three, "split=a=b", "view=V"]).split, "a=b");
  const bad: [string[], string][] = [
    [["image=a", "labels=b"], "got none for patient"],
    [[...three, "weight=kg"], "got another key in weight=kg"],
    [[...three, "age"], "got no column in age"],
    [[...three, "age="], "got no column in age="],
    [[...three, "image=b"], "got image twice"],
    [[...three, "=b"], "got another key in =b"],
  ];
  for (const [items, text] of bad) assertThrows(() => parseColumns(items), RangeError, text);
});

Deno.test("a table by --columns: its own names, facts and laterals; a column that it lacks is named", () => {
  const text = 'Nr;,"File, name",Diagnosis,ID,Alter,Sex,V,Set\n' +
    "1,a,Mass|Effusion,7,058Y,f,PA,train\n2,b,No Finding,8,,,LL,val\n3,c,,9,44,M,AP,dev\n";
  const columns = { image: "File, name", labels: "Diagnosis", patient: "ID" };
  const { rows, leftOut } = readTable(text, {
    columns: { ...columns, age: "Alter", sex: "Sex", view: "V", split: "Set" },
  });
  assertEquals(leftOut.lateral_view, 1);
  assertEquals(rows.map(({ image, findings, split }) => [image, findings, split]), [
    ["a", ["Mass", "Effusion"], "train"],
    ["c", [], undefined],
  ]);
  assertEquals(rows.map(({ facts }) => facts), [
    { age: 58, sex: "female", view: "PA" },
    { age: 44, sex: "male", view: "AP" },
  ]);
  assertEquals(rows[1].bad, 'an empty finding label; split "dev", not one of train, val, test');
  assertEquals(readTable(text, { columns }).rows.map(({ facts, split }) => facts ?? split), [
    undefined,
    undefined,
    undefined,
  ]);
  assertThrows(
    () => readTable(text, { columns: { ...columns, age: "Age" } }),
    SyntaxError,
    'expected a column "Age"',
  );
});

Deno.test("a table by --columns may be one that would be recognised, or two in one", () => {
  const columns = { image: "ImageID", labels: "Finding Labels", patient: "Patient ID" };
  const { rows } = readTable("ImageID,Image Index,Finding Labels,Patient ID\nx,y,Mass,1\n", { columns });
  assertEquals(rows[0].image, "x");
});

Deno.test("a table in NIH's columns: age, sex and view as published; what cannot be read is unknown, laterals are left out", () => {
  const facts = (cells: string) => {
    const { rows, leftOut } = readTable(`${NIH}\na.png,Mass,1,${cells}\n`);
    return leftOut.lateral_view === 1 ? "lateral" : rows[0].facts;
  };
  assertEquals(facts("058Y,M,PA"), { age: 58, sex: "male", view: "PA" });
  assertEquals(facts("58,F,AP"), { age: 58, sex: "female", view: "AP" });
  assertEquals(
    ["089Y", "090Y", "120", "411Y", "007M", "030M", "060W", "003D", "-4", "x"].map((age) => {
      const known = facts(`${age},,`);
      return typeof known === "object" ? known.age : known;
    }),
    [89, 89, 89, undefined, 0, 2, 1, 0, undefined, undefined],
  );
  assertEquals([",O,", ",,OBLIQUE", ",,bilateral"].map(facts), [undefined, undefined, undefined]);
  assertEquals(
    ["L", "ll", "LAT", "Lateral", "LEFT LATERAL", "XTABLE LATERAL"].map((view) => facts(`,,${view}`)),
    Array(6).fill("lateral"),
  );
  const sex = readTable(`${NIH.replace("Gender", "Sex")}\na.png,Mass,1,,F,\n`).rows[0].facts;
  assertEquals(sex, { sex: "female" });
});
