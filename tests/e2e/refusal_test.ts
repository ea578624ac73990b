import { assertEquals } from "@std/assert";
import { preprocessingOf, saveModel } from "../../src/model/weights/model_file.ts";
import { randomWeights } from "../../src/model/weights/random.ts";
import { layoutOf } from "../../src/model/layout.ts";
import { safetensorsFile } from "../testing/safetensors_file.ts";
import { AggregatorState } from "../../src/fed/aggregator/state.ts";
import { SiloState } from "../../src/fed/silo/state.ts";
import { fileFolder } from "../testing/folder.ts";
import { libtorchDir } from "../testing/libraries.ts";
import { makeHospitals } from "../testing/hospitals.ts";
import { assertRefused, type Finished, run } from "../testing/program.ts";

const dir = await fileFolder();
let made: Promise<void> | undefined;
const hospitals = () => made ??= makeHospitals(dir);
const LOCAL = "local --shard shard-a --rounds 1 --init random --out m.safetensors".split(" ");

/** Runs `prepare` on the films of hospital a with other labels. */
async function prepareWith(change: (lines: string[]) => string[], more: string[] = []): Promise<Finished> {
  await hospitals();
  const lines = (await Deno.readTextFile(`${dir}/films-a/labels.csv`)).trim().split("\n");
  const labels = `${dir}/${crypto.randomUUID()}.csv`;
  await Deno.writeTextFile(labels, change(lines).join("\n") + "\n");
  const finished = await run([
    "prepare",
    ...["--images", "films-a/images", "--labels", labels, "--size", "32", "--out", "shard-bad", ...more],
  ], { cwd: dir });
  assertEquals(await Deno.stat(`${dir}/shard-bad`).then(() => true, () => false), false);
  return finished;
}

Deno.test("prepare refuses a labels file without a column, naming it", async () => {
  const finished = await prepareWith((lines) =>
    lines.map((line) => line.split(",").toSpliced(2, 1).join(","))
  );
  assertRefused(
    finished,
    /expected a column "Patient ID"; the header found is: .*; rename or add the column$/,
  );
});

Deno.test("prepare refuses an empty class in train or val", async () => {
  for (const split of ["train", "val"]) {
    const finished = await prepareWith((lines) =>
      lines.map((line) => {
        const cells = line.split(",");
        return cells.at(-1) === split ? cells.with(1, "No Finding").join(",") : line;
      })
    );
    assertRefused(
      finished,
      new RegExp(
        `with and without a finding in ${split}, got \\d+ images, none with a finding .*add such images, correct "Finding`,
      ),
    );
  }
});

Deno.test("prepare refuses more unusable rows than --max-quarantine", async () => {
  const finished = await prepareWith(
    (lines) => lines.map((line, index) => index > 0 && index % 4 === 0 ? `gone-${line}` : line),
    ["--max-quarantine", ".1"],
  );
  assertRefused(
    finished,
    /expected at most 0\.1 of the rows unusable, got 18 of 72: missing_file 18 \(remedy: mend those listed in .*shard-bad\.quarantine\.csv or raise --max-quarantine\)$/,
  );
});

Deno.test("local refuses fewer training images than a batch", async () => {
  await hospitals();
  const finished = await run([...LOCAL, "--batch", "128"], { cwd: dir });
  assertRefused(
    finished,
    /at least 128 training images, one batch a pass, got 32 .*`fedx prepare` from more training images, or lower --batch/,
  );
});

Deno.test("local refuses --device cuda where no GPU is visible, naming what to look at and what to choose", async () => {
  await hospitals();
  const env = { CUDA_VISIBLE_DEVICES: "" };
  const finished = await run([...LOCAL, "--device", "cuda"], { cwd: dir, env });
  assertRefused(
    finished,
    /Cannot use device "cuda": expected a GPU, got .*, or choose device "cpu" or "auto"$/,
  );
});

Deno.test("local refuses another libtorch than the shim's, naming both versions and the remedy", async () => {
  await hospitals();
  await Deno.mkdir(`${dir}/torch-2.12`);
  await Deno.symlink(`${await libtorchDir()}/lib`, `${dir}/torch-2.12/lib`);
  await Deno.writeTextFile(`${dir}/torch-2.12/version.py`, "__version__ = '2.12.0'\n");
  const finished = await run(LOCAL, { cwd: dir, env: { FEDX_LIBTORCH: `${dir}/torch-2.12` } });
  assertRefused(
    finished,
    /built for, libtorch 2\.\d+\.\d+, got 2\.12\.0 \(remedy: build it again: every deno task does, and rebuild\.sh of the archive\)$/,
  );
});

Deno.test("aggregate and train refuse the state of a newer fedx and leave it as it is", async () => {
  await hospitals();
  const states = {
    "newer-hub": await AggregatorState.open(`${dir}/newer-hub`),
    "newer-a": await SiloState.open(`${dir}/newer-a`, { silo: "a" }),
  };
  for (const state of Object.values(states)) {
    state.folder.set("state", { ...state.folder.get<object>("state"), version: 99 });
    state[Symbol.dispose]();
  }
  const commands = {
    "newer-hub": "aggregate --silos a,b,c --tls tls-hub --listen 127.0.0.1:0 --rounds 1",
    "newer-a": "train --silo a --server https://127.0.0.1:1 --tls tls-a --shard shard-a",
  };
  for (const [state, command] of Object.entries(commands)) {
    const before = await Deno.readFile(`${dir}/${state}/run.sqlite`);
    const finished = await run([...command.split(" "), "--state", state], { cwd: dir });
    assertRefused(
      finished,
      /^Cannot read the state of a newer fedx: .*use the fedx that wrote it, or a fresh --state\)$/,
    );
    assertEquals(await Deno.readFile(`${dir}/${state}/run.sqlite`), before);
  }
});

/** `aggregate` with another start; it fails before it listens. */
async function aggregateFrom(init: string): Promise<Finished> {
  await hospitals();
  return await run([
    "aggregate",
    ...["--silos", "a,b,c", "--tls", "tls-hub", "--state", `state-${crypto.randomUUID()}`],
    ...["--listen", "127.0.0.1:0", "--rounds", "1", "--size", "32", "--init", init],
  ], { cwd: dir });
}

Deno.test("aggregate refuses a checkpoint of another shape, naming the tensor", async () => {
  const bytes = safetensorsFile(
    new Map([["features.0.0.weight", { shape: [8, 3, 3, 3], data: new Float32Array(216) }]]),
    {},
  );
  await Deno.writeFile(`${dir}/other.safetensors`, bytes);
  assertRefused(
    await aggregateFrom("other.safetensors"),
    /features\.0\.0\.weight of shape \[32,1,3,3\], got \[8,3,3,3\]; use a file of .*, or --init random$/,
  );
});

Deno.test("aggregate refuses a .pth that wants to run code, and runs none", async () => {
  const latin = (text: string) => Uint8Array.from(text, (letter) => letter.charCodeAt(0));
  const order = "touch hacked";
  await Deno.writeFile(
    `${dir}/evil.pth`,
    latin(
      "\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." + // torch's magic number
        "\x80\x02M\xe9\x03." + // protocol 1001
        "\x80\x02}X\x0d\x00\x00\x00little_endian\x88s." + // system
        `\x80\x02cposix\nsystem\nX${String.fromCharCode(order.length)}\x00\x00\x00${order}\x85R.`,
    ),
  );
  assertRefused(
    await aggregateFrom("evil.pth"),
    /asks for posix\.system and could run code \(remedy: save it again with torch\.save\(model\.state_dict/,
  );
  assertEquals(await Deno.stat(`${dir}/hacked`).then(() => true, () => false), false);
});

/** Shard `name`: hospital a's with one bit of `file` flipped. */
async function damageShard(name: string, file: string): Promise<void> {
  await Deno.mkdir(`${dir}/${name}`);
  for await (const entry of Deno.readDir(`${dir}/shard-a`)) {
    await Deno.copyFile(`${dir}/shard-a/${entry.name}`, `${dir}/${name}/${entry.name}`);
  }
  const bytes = await Deno.readFile(`${dir}/${name}/${file}`);
  bytes[bytes.length >> 1] ^= 1;
  await Deno.writeFile(`${dir}/${name}/${file}`, bytes);
}

Deno.test("train, local, evaluate and predict refuse a shard with a flipped bit, naming fedx prepare; outputs stay", async () => {
  await hospitals();
  await damageShard("shard-pixel", "images.u8");
  await damageShard("shard-name", "names.txt");
  const layout = layoutOf("efficientnet_b0", { channels: 1 });
  const metadata = {
    network: layout.network,
    channels: 1,
    size: 32,
    preprocessing: preprocessingOf(1),
  } as const;
  await saveModel(`${dir}/model.safetensors`, randomWeights(layout, 1), layout, metadata);
  await Deno.writeTextFile(`${dir}/scores.csv`, "older");
  const train = "train --silo a --server https://127.0.0.1:1 --tls tls-a --state state-a".split(" ");
  const scored = ["--model", "model.safetensors", "--shard"];
  const refusals: [string[], RegExp][] = [
    [[...train, "--shard", "shard-pixel"], /block 0 of images\.u8, got another/],
    [["local", "--shard", "shard-pixel", "--rounds", "1", "--out", "m.safetensors"], /block 0 of images\.u8/],
    [["evaluate", ...scored, "shard-pixel"], /block 0 of images\.u8/],
    [
      ["predict", ...scored, "shard-name", "--out", "scores.csv", "--force"],
      /names for names\.txt, got another/,
    ],
  ];
  for (const [args, what] of refusals) {
    const finished = await run(args, { cwd: dir });
    assertRefused(
      finished,
      new RegExp(`${what.source}.*\\(remedy: build the shard again with \`fedx prepare\`\\)$`),
    );
  }
  assertEquals(await Deno.readTextFile(`${dir}/scores.csv`), "older");
});

Deno.test("evaluate and local refuse a shard given twice, under whatever name: its patients would count double", async () => {
  await hospitals();
  await Deno.symlink(`${dir}/shard-a`, `${dir}/shard-again`);
  const twice = ["--shard", "shard-a", "--shard", "shard-again"];
  const local = ["local", "--rounds", "1", "--out", "m.safetensors"];
  for (const command of [["evaluate", "--model", "model.safetensors"], local]) {
    const finished = await run([...command, ...twice], { cwd: dir });
    assertRefused(finished, /^Cannot take shard-again beside shard-a: .*; leave out one --shard\.$/);
  }
});

Deno.test("demo refuses a folder with other files in it and leaves them", async () => {
  await Deno.mkdir(`${dir}/thesis`);
  await Deno.writeTextFile(`${dir}/thesis/chapter.txt`, "words");
  assertRefused(
    await run(["demo", "--out", "thesis"], { cwd: dir }),
    /got other files; choose another --out\.$/,
  );
  assertEquals(await Deno.readTextFile(`${dir}/thesis/chapter.txt`), "words");
});
