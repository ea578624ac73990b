/** The benches that docs/results.md names, each on the least work that it does. */
import { assertEquals, assertMatch } from "@std/assert";
import { fileURLToPath } from "node:url";
import { HOSPITALS } from "../../src/data/phantom/phantom.ts";
import { writePhantoms } from "../../src/data/phantom/files.ts";
import { generator } from "../../src/cli/commands/demo/hospitals.ts";
import { childFlags } from "../testing/child.ts";
import { flowerEnvironment } from "../testing/flower/environment.ts";
import { inFolder } from "../testing/folder.ts";
import { pythonWithTorchvision } from "../testing/python.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Runs a bench to its end; it says first which CPU it ran on. */
async function bench(name: string, args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-all", ...await childFlags(), `${ROOT}bench/${name}`, ...args],
    cwd: ROOT,
    env: { DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const text = new TextDecoder().decode(stdout);
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  assertMatch(text, /^measured on: /m);
  return text;
}

/** Draws films into folders `silo-a` … `silo-c`; the options that name them. */
async function drawData(dir: string): Promise<string[]> {
  for (const [index, silo] of (["a", "b", "c"] as const).entries()) {
    const options = { hospital: HOSPITALS[silo], size: 32, train: 96, val: 40, test: 40 };
    await writePhantoms(`${dir}/silo-${silo}`, { ...options, random: generator(7, index) });
  }
  return ["--data", dir, "--out", `${dir}/out`, "--size", "32"];
}

Deno.test("bench/radiographs.ts measures a whole run on three folders of films", () =>
  inFolder(async (dir) => {
    const least = ["--budget", "20s", "--local", "0", "--init", "random"];
    const text = await bench("radiographs.ts", [...await drawData(dir), ...least]);
    assertMatch(text, /^stratified \S+$/m);
  }));

Deno.test("bench/dicom.ts measures films of every lossless syntax", async () => {
  const text = await bench("dicom.ts", ["--films", "1", "--side", "64", "--size", "32", "--times", "1"]);
  assertEquals([...text.matchAll(/^.+: [\d.]+ ms, [\d.]+ CPU-ms a film, \d+ films\/s a core$/gm)].length, 7);
});

Deno.test("bench/selection.ts measures rules of selection on simulated runs", async () => {
  assertMatch(await bench("selection.ts", ["--runs", "9"]), /^\| all simulated \| 324 \| /m);
});

Deno.test("bench/score_histories.ts measures runs, goes on where it was stopped, and selection.ts reads them", () =>
  inFolder(async (dir) => {
    const histories = ["--histories", `${dir}/histories.jsonl`];
    const least = [...await drawData(dir), ...histories, "--rounds", "2", "--batch", "8", "--runs"];
    assertEquals((await bench("score_histories.ts", [...least, "1"])).match(/^run \d/gm), ["run 0"]);
    assertEquals((await bench("score_histories.ts", [...least, "2"])).match(/^run \d/gm), ["run 1"]);
    assertMatch(await bench("selection.ts", ["--runs", "9", ...histories]), /, 2 runs, val of 20 \| 40 \| /);
  }));

Deno.test("bench/recipes.ts measures ways of training, goes on where it was stopped, and recipe_table.ts compares them", () =>
  inFolder(async (dir) => {
    const grid = ["--runs", `${dir}/runs.jsonl`, "--grid", "whole"];
    const least = [...await drawData(dir), ...grid, "--most", "1"];
    const made = async () => (await bench("recipes.ts", least)).match(/method=\w+/g);
    assertEquals([await made(), await made()], [["method=federated"], ["method=pooled"]]);
    const text = await bench("recipe_table.ts", grid);
    assertMatch(text, /^\| pooled \| pooled, batch 11, LR 0\.001 \| \S+ \| [+-]\S+ \[\S+, \S+\] \|$/m);
  }));

Deno.test("bench/round.ts measures a round's time beside the disk's", async () => {
  assertMatch(await bench("round.ts", ["2"]), /^wall +s: median [\d.]+/m);
});

Deno.test("bench/round.ts measures a round with masks beside one without", async () => {
  assertMatch(await bench("round.ts", ["--masked", "1"]), /^masked against open: [\d.]+ of the wall time, /m);
});

Deno.test("bench/masks.ts measures what masks cost a silo", async () => {
  assertMatch(await bench("masks.ts", ["1", "small"]), /^n = 50: [\d.]+, of it masks [\d.]+$/m);
});

Deno.test("bench/rounds.ts measures late rounds beside early ones", async () => {
  assertMatch(await bench("rounds.ts", ["20", "2"]), /^last \/ first: /m);
});

const flower = await flowerEnvironment("newest");
if ("missing" in flower) console.log(`skipped: ${flower.missing}`);

Deno.test(
  "bench/flower.ts measures a round over Flower on either side",
  { ignore: "missing" in flower },
  async () => {
    assertMatch(
      await bench("flower.ts", ["--rounds", "1"]),
      /^Python nodes on fedx aggregate: [\d.]+ s a round/m,
    );
  },
);

Deno.test("bench/memory.ts measures the aggregator's peak with 4 and with 30 silos", async () => {
  assertMatch(await bench("memory.ts", ["1", "small"]), /^growth: /m);
});

Deno.test({
  name: "bench/engine.ts measures the engine beside PyTorch",
  ignore: await pythonWithTorchvision().then((found) => found === null, () => true),
  fn: async () => {
    assertMatch(await bench("engine.ts", ["--batch", "2", "--size", "32"]), /^predict: PyTorch /m);
  },
});
