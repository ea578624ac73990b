import { assertEquals, assertMatch } from "@std/assert";
import { Shard } from "../../src/data/shard.ts";
import { layoutOf } from "../../src/model/layout.ts";
import { preprocessingOf, saveModel } from "../../src/model/weights/model_file.ts";
import { randomWeights } from "../../src/model/weights/random.ts";
import { fileFolder } from "../testing/folder.ts";
import { drawFilms, makeCertificates } from "../testing/hospitals.ts";
import { assertRefused, run, runJson } from "../testing/program.ts";

const dir = await fileFolder();
const PREPARE = "prepare --images films-a/images --size 32".split(" ");

/** Films of hospital a: `none.csv` has those of test alone, `one.csv` those with a finding, `all.csv` all. */
async function furnish(): Promise<void> {
  await drawFilms(dir);
  await makeCertificates(dir);
  const [header, ...rows] = (await Deno.readTextFile(`${dir}/films-a/labels.csv`)).trim().split("\n");
  const write = (name: string, some: string[]) =>
    Deno.writeTextFile(`${dir}/${name}.csv`, [header, ...some].join("\n"));
  await write("all", rows);
  await write("test", rows.filter((row) => row.endsWith(",test")));
  await write("ill", rows.filter((row) => !row.includes(",No Finding,")));
  const layout = layoutOf("efficientnet_b0", { channels: 1 });
  const { network, channels } = layout;
  const metadata = { network, channels, size: 32, preprocessing: preprocessingOf(1) };
  const vector = randomWeights(layout, 1);
  await saveModel(`${dir}/m.safetensors`, vector, layout, metadata);
}

Deno.test("prepare --evaluation: a split or a class may be missing; evaluate and predict take it, what trains refuses it", async (t) => {
  await furnish();
  for (const name of ["test", "ill", "all"]) {
    const command = [...PREPARE, "--labels", `${name}.csv`, "--out", name];
    if (name !== "all") {
      const text = /^Cannot make the shard: expected images with and without a finding in train, got /;
      assertRefused(await run(command, { cwd: dir }), text);
    }
    const made = await run([...command, "--evaluation"], { cwd: dir });
    assertEquals([made.code, /warning|below 10/.test(made.stderr)], [0, false], made.stderr);
    assertMatch(made.stdout, /for evaluation only: nothing trains on it/);
    assertEquals((await Shard.open(`${dir}/${name}`, { verify: true })).manifest.evaluation, true);
  }

  await t.step("evaluate and predict", async () => {
    const evaluate = (shard: string, ...more: string[]) =>
      runJson(["evaluate", "--model", "m.safetensors", "--shard", shard, ...more], { cwd: dir });
    const scored = await evaluate("test");
    assertEquals([scored.images, typeof scored.auroc, scored.operating_points], [20, "number", undefined]);
    assertEquals((await evaluate("test", "--split", "val")).auroc, null);
    assertEquals((await evaluate("test", "--split", "train")).images, 0);
    assertEquals((await evaluate("ill", "--split", "all")).auroc, null);
    const shown = await run(
      ["evaluate", "--model", "m.safetensors", "--shard", "test", "--split", "val"],
      { cwd: dir },
    );
    assertEquals(shown.code, 0, shown.stderr);
    const predicted = await runJson(
      ["predict", "--model", "m.safetensors", "--shard", "test", "--out", "scores.csv"],
      { cwd: dir },
    );
    assertEquals([predicted.images, predicted.failed], [20, 0]);
  });

  await t.step("train, local, compare and doctor", async () => {
    const sentence = {
      test:
        /^Cannot train on test: expected images with and without a finding in train, got no images \(remedy: test is/,
      ill:
        /^Cannot train on ill: expected images with and without a finding in train, got \d+ images, all with a finding/,
      all:
        /^Cannot train on all: expected a shard for training, got one for evaluation only \(remedy: all is for eval/,
    };
    for (const [shard, text] of Object.entries(sentence)) {
      const local = [
        "local",
        "--shard",
        shard,
        "--init",
        "random",
        "--rounds",
        "1",
        "--out",
        "x.safetensors",
      ];
      assertRefused(await run(local, { cwd: dir }), text);
    }
    const train = "train --silo a --server https://127.0.0.1:1 --tls tls-a --shard test --state s".split(" ");
    assertRefused(await run(train, { cwd: dir }), sentence.test);
    const compare = "compare --shard all --shard test --passes 1 --init random --out cmp".split(" ");
    assertRefused(await run(compare, { cwd: dir }), sentence.all);
    const { stdout } = await run("doctor --silo a --tls tls-a --shard test --json".split(" "), { cwd: dir });
    const { checks } = JSON.parse(stdout) as { checks: { name: string; ok: boolean; detail: string }[] };
    const shard = checks.find(({ name }) => name === "shard")!;
    assertEquals(shard.ok, false);
    assertMatch(shard.detail, /with and without a finding in train/);
  });
});

Deno.test("prepare --evaluation: a table of which no film can be used is refused", async () => {
  await Deno.mkdir(`${dir}/no-films`);
  await Deno.writeTextFile(`${dir}/gone.csv`, "Image Index,Finding Labels,Patient ID\ngone.png,Mass,1\n");
  const command =
    "prepare --images no-films --labels gone.csv --size 32 --max-quarantine 1 --evaluation --out g";
  assertRefused(
    await run(command.split(" "), { cwd: dir }),
    /^Cannot make the shard: expected an image that can be used, got none/,
  );
});
