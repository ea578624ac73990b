/** A film's name comes from outside: in the lists that fedx writes it is a text, never a formula. */
import { assertEquals } from "@std/assert";
import { parse } from "csv-parse/sync";
import { csvCell } from "../../src/data/csv.ts";
import { DataError, Quarantine } from "../../src/data/quarantine.ts";
import { preprocessingOf, saveModel } from "../../src/model/weights/model_file.ts";
import { randomWeights } from "../../src/model/weights/random.ts";
import { layoutOf } from "../../src/model/layout.ts";
import { blackPng } from "../testing/png.ts";
import { runJson } from "../testing/program.ts";
import { inFolder } from "../testing/folder.ts";

/** Texts that Excel, LibreOffice or Google Sheets take for a formula, or for several cells. */
const NAMES = [
  "=HYPERLINK(0).png",
  "+1+1.png",
  "-1+1.png",
  "@SUM(A1).png",
  "\t=1+1.png",
  "\r=1+1.png",
  "\n=1+1.png",
  '="a"&"b",=1.png',
  "a;=1+1.png",
  "a\t=1+1.png",
];

/** What a list must show for a name. */
const shown = (name: string) => name.startsWith("a") ? name : `'${name}`;

Deno.test("fedx predict writes a film's name as a text, whatever it begins with", () =>
  inFolder(async (dir) => {
    const layout = layoutOf("efficientnet_b0", { channels: 1 });
    const preprocessing = preprocessingOf(1);
    const metadata = { network: layout.network, channels: 1, size: 32, preprocessing } as const;
    await saveModel(`${dir}/m.safetensors`, randomWeights(layout, 1), layout, metadata);
    await Deno.mkdir(`${dir}/films`);
    for (const name of [...NAMES, "plain.png"]) {
      await Deno.writeFile(`${dir}/films/${name}`, blackPng(32, 32));
    }
    const scored = ["--model", "m.safetensors", "--images", "films", "--out", "scores.csv"];
    assertEquals((await runJson(["predict", ...scored], { cwd: dir })).images, NAMES.length + 1);
    const rows = parse(await Deno.readTextFile(`${dir}/scores.csv`), { columns: true }) as Record<
      string,
      string
    >[];
    const expected = [...NAMES.map(shown), "plain.png"].sort();
    assertEquals(rows.map((row) => row["Image Index"]).sort(), expected);
    for (const { logit, probability } of rows) {
      assertEquals(
        [Number.isFinite(Number(logit)), Number(probability) > 0],
        [true, true],
        "numbers stay numbers",
      );
    }
  }));

Deno.test("the list of rows left out of a shard writes names and labels as texts, too", () => {
  const quarantine = new Quarantine({ rows: 100, limit: 1, file: "q.csv" });
  NAMES.forEach((image, line) => quarantine.add({ line, image }, new DataError("bad_label", image)));
  const rows = parse(quarantine.toCsv(), { from: 2 }) as string[][];
  assertEquals(rows, NAMES.map((name, line) => [String(line), shown(name), "bad_label", shown(name)]));
});

Deno.test("csvCell quotes what would part a cell from itself, and leaves numbers and plain names as they are", () => {
  assertEquals(NAMES.slice(0, 5).map(csvCell), [
    "'=HYPERLINK(0).png",
    "'+1+1.png",
    "'-1+1.png",
    "'@SUM(A1).png",
    '"\'\t=1+1.png"',
  ]);
  assertEquals(csvCell("a;=1+1.png"), '"a;=1+1.png"');
  assertEquals([csvCell(-1.5), csvCell("film-1.png"), csvCell('a"b')], ["-1.5", "film-1.png", '"a""b"']);
});
