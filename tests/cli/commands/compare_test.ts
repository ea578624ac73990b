import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Row } from "../../../src/cli/commands/compare/rows.ts";
import { inFolder } from "../../testing/folder.ts";
import { noiseShards } from "../../testing/noise_shards.ts";
import { assertRefused, objectOf, run, start } from "../../testing/program.ts";

const SHARDS = ["a", "b", "c"].flatMap((name) => ["--shard", `shard-${name}`]);
const BASE = ["compare", ...SHARDS, "--out", "out", "--init", "random", "--batch", "4", "--json"];

const rowsIn = async (cwd: string) => {
  const text = await Deno.readTextFile(`${cwd}/out/trainings.jsonl`).catch(() => "");
  return text.split("\n").slice(0, -1);
};

Deno.test("compare: killed in the middle it goes on, makes no finished training again, and reports on all", () =>
  inFolder(async (cwd) => {
    await noiseShards(cwd, ["a", "b", "c"]);
    const args = [...BASE, "--passes", "2"];
    const { child, finished } = await start(args, { cwd });
    while ((await rowsIn(cwd)).length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    child.kill("SIGKILL");
    await finished;
    const before = await rowsIn(cwd);
    assert(before.length < 5);
    const ended = await run(args, { cwd });
    const result = objectOf(ended, "compare");
    assertMatch(ended.stderr, new RegExp(`5 trainings, ${before.length} of them made before`));
    assertMatch(ended.stderr, /about .+ on this machine, \d+ at once; it may be stopped/);
    const rows = await rowsIn(cwd);
    assertEquals(rows.slice(0, before.length), before);
    const made = rows.map((line): Row => JSON.parse(line));
    assertEquals([made.length, new Set(made.map(({ key }) => key)).size], [5, 5]);
    for (const { training, passes, trained, curve, logits } of made) {
      assertEquals(passes, 2);
      assertEquals(trained, training.method === "alone" ? [12, 14, 20][training.hospital!] : 46);
      assertEquals(curve.map((point) => point.passes), [0, 1, 2]);
      assertEquals(logits.length, 60);
    }
    const [{ methods }] = result.ways as {
      methods: Record<string, { trainings: number; better: unknown }>;
    }[];
    assertEquals(Object.keys(methods), [
      ...["federated", "pooled", "alone shard-a", "alone shard-b", "alone shard-c", "alone (mean)"],
    ]);
    assertEquals(Object.values(methods).map(({ trainings }) => trainings), [1, 1, 1, 1, 1, 3]);
    assertEquals(methods.federated.better, null);
    assert(methods.pooled.better !== null);
    assertMatch(await Deno.readTextFile(`${cwd}/out/report.html`), /<svg.*AUROC by round/);
    // Once more: nothing is left to train, and the same is said.
    assertEquals(objectOf(await run(args, { cwd }), "compare"), result);
    assertEquals(await rowsIn(cwd), rows);
  }));

Deno.test("compare: under a budget passes follow from the speed, the same for all seeds of a way", () =>
  inFolder(async (cwd) => {
    await noiseShards(cwd, ["a", "b", "c"]);
    const args = [...BASE, "--budget", "1s", "--method", "federated,pooled"];
    await run([...args, "--seeds", "1"], { cwd });
    const ended = await run([...args, "--seeds", "2"], { cwd });
    assertEquals(ended.code, 0, ended.stderr);
    const passes = (await rowsIn(cwd)).map((line): Row => JSON.parse(line)).map((row) => row.passes);
    assertEquals([passes[2], passes[3]].toSorted(), [passes[0], passes[1]].toSorted());
    assert(passes[0] !== passes[1]); // 20 films of the largest hospital, or 46
  }));

Deno.test("compare refuses what it cannot compare, before any work", () =>
  inFolder(async (cwd) => {
    await noiseShards(cwd, ["a", "b", "c"]);
    await noiseShards(`${cwd}`, ["large"], 64);
    const refused = async (args: string[], text: RegExp, exit: 1 | 2 = 2) =>
      assertRefused(await run(args, { cwd }), text, exit);
    await refused(
      [...BASE, "--passes", "1", "--budget", "1m"],
      /^Cannot use --passes with --budget: .*leave out one\.$/,
    );
    await refused(
      [...BASE, "--network", "resnet81"],
      /^Cannot read --network: expected efficientnet_b0, .*"resnet81"\.$/,
    );
    await refused(
      [...BASE, "--shard", "shard-large"],
      /^Cannot compare sizes: .* 3 of 32 px and 1 of 64 px; name each/,
    );
    await refused(
      [...BASE, "--shard", "shard-a"],
      /^Cannot take shard-a beside shard-a: .*leave out one --shard\.$/,
      1,
    );
  }));
