/** README's literal output: its figures are measured ones, its form is what the program prints today. */
import { assertEquals, assertMatch } from "@std/assert";
import { type Facts, resultTable } from "../../src/cli/output/report/demo.ts";
import { lineOf, summaryOf } from "../../tools/side_by_side.ts";
import { assertShown, blocks, page } from "../testing/pages.ts";

/** README's block that begins with `start`. */
async function block(start: string): Promise<string> {
  const found = blocks(await page("README.md")).find(({ text }) => text.trim().startsWith(start));
  if (found === undefined) throw new Error(`Cannot find README's block that begins with ${start}`);
  return found.text;
}

/** `9.3 s` or `4:11 min`. */
function secondsOf(text: string): number {
  const [value, unit] = text.split(" ");
  const [whole, rest] = value.split(":").map(Number);
  return unit === "s" ? whole : whole * 60 + rest;
}

/** The facts that the demo's output in `text` was printed from. */
function factsOf(text: string): Facts {
  const line = (pattern: RegExp) => pattern.exec(text)?.slice(1) ?? [];
  const row = /^ ?(\w) +(\d+) +(\d+) +([.\d]+) +\[([.\d]+), ([.\d]+)\] +([.\d]+)$/gm;
  const hospitals = [...text.matchAll(row)].map(([, name, ...numbers]) => ({
    name,
    numbers: numbers.map(Number),
  }));
  const silos = Object.fromEntries(
    hospitals.map(({ name, numbers: [images, positives, auroc, low, high] }) => {
      return [name, { images, positives, auroc, ci95: [low, high], se: 0 }];
    }),
  );
  const local = Object.fromEntries(hospitals.map(({ name, numbers }) => [name, { auroc: numbers[5] }]));
  const [stratified, low, high, alone] = line(/stratified +(\S+) +\[(\S+), (\S+)\] +(\S+)/).map(Number);
  const [floor] = line(/site only \(floor\) +(\S+)/).map(Number);
  const [rounds, each] = line(/^rounds: (\d+), (.*) on average$/m);
  const time = line(/^time: (.*)$/m)[0].split(", ").map((part) => /^(\w+) (.*)$/.exec(part)!.slice(1));
  const test = { stratified, ci95: [low, high], site_only: floor, local_stratified: alone };
  return {
    measured: { test, silos, local, roc: {} },
    passes: Number(line(/^passes over the training films: (\d+), /m)[0]),
    federated: {
      history: Array.from({ length: Number(rounds) }, () => ({ seconds: secondsOf(each) })),
      bytes: Number(line(/^bytes moved: (\d+) MiB$/m)[0]) * 2 ** 20,
      init: { source: line(/^start: (.*)$/m)[0] },
    },
    seconds: Object.fromEntries(time.map(([phase, took]) => [phase, secondsOf(took)])),
  } as unknown as Facts;
}

Deno.test("README shows the demo's result as the program prints such figures", async () => {
  const text = (await block("hospital ")).replace(/\nReport: .*\n$/, "");
  assertEquals(Object.keys(factsOf(text).measured.silos), ["a", "b", "c"]);
  assertShown(resultTable(factsOf(text)), text);
});

Deno.test("README shows the tests' last line as it is printed", async () => {
  const text = (await block("ok |")).trim();
  const [minutes, seconds] = /\((\d+)m(\d+)s\)$/.exec(text)!.slice(1).map(Number);
  assertEquals(lineOf([summaryOf(text)!], minutes * 60 + seconds), text);
  assertMatch(text, /\| 0 failed/);
});
