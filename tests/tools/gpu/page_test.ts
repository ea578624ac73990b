import { assert, assertEquals, assertMatch } from "@std/assert";
import { ON_GPU, tables, withTables } from "../../../tools/gpu/page.ts";
import type { Results } from "../../../tools/gpu/results.ts";
import { page } from "../../testing/pages.ts";

const figures = [
  { group: "train 224 px, batch 256, bf16", name: "fedx graph, a step", value: 12.345, unit: "ms" },
  {
    group: "train 224 px, batch 256, bf16",
    name: "PyTorch eager, a step",
    value: null,
    reason: "no time left",
  },
  {
    group: "costliest kernels of fedx graph, train 128 px, batch 32, fp16",
    name: "1. a|b",
    value: 25,
    unit: "%",
  },
];
const results: Results = {
  ...{ fedx: "0.1.0", commit: "0123456789abcdef", device: "cuda", began: "2026-12-01T10:00:00Z" },
  stages: [
    { name: "fast", status: "done", seconds: 80, limit: 100, figures },
    {
      ...{ name: "right", status: "failed", seconds: 3, limit: 55, reason: "not as promised: g: b" },
      figures: [{ group: "g", name: "a", value: 1, ok: true }, {
        group: "g",
        name: "b",
        value: 1,
        ok: false,
      }],
    },
  ],
};

Deno.test("docs/gpu.md has the tables that page.ts writes, with the same rows", async () => {
  const { text } = await page("docs/gpu.md");
  const shape = (text: string) =>
    text.split("\n").filter((line) => /^(\| |###)/.test(line)).map((line) =>
      line.split("|")[1]?.trim() ?? line
    );
  const own = shape(text.slice(text.indexOf("<!-- figures -->"), text.indexOf("<!-- end of figures -->")));
  const kernels = (lines: string[]) => lines.filter((line) => !/^(the ten costliest|\d+\. .*)$/.test(line));
  assertEquals(kernels(own), kernels(shape(tables(null))));
  if (text.includes("not yet run**") || text.includes("was not yet\nrun on a GPU**")) {
    assertEquals(withTables(text, null), text, "deno run -A tools/gpu/page.ts writes it anew");
  }
});

Deno.test("a gpu.json fills the cells: values with units, – for none, and what was not measured", () => {
  const rows = tables(results).split("\n").map((line) =>
    line.split("|").map((cell) => cell.trim()).slice(1, -1)
  );
  const row = (start: string, at = 0) => rows.filter(([first]) => first === start)[at];
  assertEquals(row("224 px, batch 256, bf16"), [
    ...["224 px, batch 256, bf16", "not measured", "12.35 ms", "–", "not measured", "not measured"],
  ]);
  assertEquals(row("`fast`"), ["`fast`", "done, 80.0 s", "0 of 0"]);
  assertEquals(row("`right`"), ["`right`", "failed, 3.0 s", "1 of 2"]);
  assertMatch(tables(results), /^\| 1\. a\\\|b +\| 25 % /m);
  assert(!tables(results).includes("the ten costliest"));
});

Deno.test("the page says of which day and commit its figures are", () => {
  const text = "# A\n\n<!-- figures -->\n\nold\n\n<!-- end of figures -->\n\nB\n";
  const got = withTables(text, results);
  assertMatch(
    got,
    /^# A\n\n<!-- figures -->\n\nFrom 2026-12-01, commit 0123456789; failed: right\.\n\n### The machine\n/,
  );
  assertMatch(got, /\n\n<!-- end of figures -->\n\nB\n$/);
  assert(!got.includes("old"));
  assertEquals(withTables(got, null), withTables(text, null));
});

Deno.test("every point of a GPU has a row: two sizes, two batches, two precisions", () => {
  const points = [...tables(null).matchAll(/^\| (\d+ px, batch \d+, \w+) /gm)].map(([, point]) => point);
  assertEquals(new Set(points).size, ON_GPU.sizes.length * ON_GPU.batches.length * ON_GPU.precisions.length);
});

Deno.test("the names of the last two tables' figures are those that their stages write", async () => {
  const folder = new URL("../../../bench/gpu/", import.meta.url);
  let sources = "";
  for (const { name } of Deno.readDirSync(folder)) sources += await Deno.readTextFile(new URL(name, folder));
  const shown = tables(null).split("### ").slice(-2).join("").matchAll(
    /^\| ((?!what|---|fedx|the demo's).*?) +\|/gm,
  );
  const names = [...shown].map(([, name]) =>
    name.replace(/silo \w\b/, "silo ${silo}").replace("by fp16", "by {half}")
  );
  assertEquals(names.filter((name) => !sources.includes(name)), []);
  assertEquals(names.length, 10);
});
