/**
 * What `fedx local` starts from, and what it does not: then one sentence has the remedy, and the model that lies at --out
 * stays.
 */
import { assertEquals, assertMatch } from "@std/assert";
import { SPLITS } from "../../../src/data/shard.ts";
import type { Proposal } from "../../../src/fed/protocol/messages.ts";
import type { LocalResult } from "../../../src/fed/training/result.ts";
import { digest } from "../../../src/files/digest.ts";
import { layoutOf } from "../../../src/model/layout.ts";
import { isNetwork } from "../../../src/model/networks/networks.ts";
import {
  loadModel,
  type ModelMetadata,
  preprocessingOf,
  saveModel,
  stateDict,
} from "../../../src/model/weights/model_file.ts";
import { randomWeights } from "../../../src/model/weights/random.ts";
import { writeFindings } from "../../testing/finding_shards.ts";
import { inFolder } from "../../testing/folder.ts";
import { asVersion1 } from "../../testing/older_shard.ts";
import { objectOf, run } from "../../testing/program.ts";
import { HEAD_TENSORS, tensorsThatDiffer } from "../../testing/tensors.ts";
import { runCommand } from "../../testing/run_command.ts";
import { safetensorsFile } from "../../testing/safetensors_file.ts";
import { writeShard } from "../../testing/write_shard.ts";

const layout = layoutOf("efficientnet_b0", { channels: 1 });
const zeros = (of = layout) => new Float32Array(of.length);

/** Writes a model whose metadata say something else. @default vector zeros */
async function modelFile(path: string, changes: object, vector?: Float32Array): Promise<void> {
  const said = {
    network: "efficientnet_b0",
    channels: 1,
    size: 32,
    preprocessing: preprocessingOf(1),
    ...changes,
  };
  const metadata = said as ModelMetadata;
  const network = isNetwork(metadata.network) ? metadata.network : "efficientnet_b0";
  const of = layoutOf(network, { channels: metadata.channels });
  await saveModel(path, vector ?? zeros(of), of, metadata);
}

/** A network that begins with other numbers of channels, as wider EfficientNets do. */
function widerNetwork(): Uint8Array<ArrayBuffer> {
  const state = stateDict(zeros(), layout);
  state.set("features.0.0.weight", { shape: [48, 3, 3, 3], data: new Float32Array(48 * 27) });
  return safetensorsFile(state as Parameters<typeof safetensorsFile>[0]);
}

const three = { channels: 3, preprocessing: preprocessingOf(3) };
/** By what is wrong: the file that it starts from, more arguments, the exit code and what is said. */
const CASES: Record<
  string,
  [make: (path: string) => Promise<void>, args: string[], code: number, said: RegExp]
> = {
  "a model of another network": [
    (path) => modelFile(path, { network: "efficientnet_b4" }),
    [],
    1,
    /expected network efficientnet_b0, resnet18, densenet121, got "efficientnet_b4" \(remedy: /,
  ],
  "weights of another network": [
    (path) => Deno.writeFile(path, widerNetwork()),
    [],
    1,
    /expected features\.0\.0\.weight of shape \[32,1,3,3\], got \[48,3,3,3\]; use a file of torchvision's/,
  ],
  "a model of three channels": [
    (path) => modelFile(path, three),
    [],
    1,
    /expected a model of 1 channel, got one of 3 \(remedy: name another file, or where the command has it --channels 3\)/,
  ],
  "a model of one channel where three are asked for": [
    (path) => modelFile(path, {}),
    ["--channels", "3"],
    1,
    /expected a model of 3 channels, got one of 1 \(remedy: name another file, or/,
  ],
  "a model of another network that fedx has": [
    (path) => modelFile(path, { network: "resnet18" }),
    [],
    1,
    /expected a model of efficientnet_b0, got one of resnet18 \(remedy: name another file, or .* --network resnet18\)/,
  ],
  "ImageNet weights for a network that has none to be fetched": [
    () => Promise.resolve(),
    ["--network", "resnet18", "--init", "imagenet"],
    1,
    /expected a file of torchvision's resnet18 in --weights or FEDX_WEIGHTS, got none \(remedy: name one, or/,
  ],
  "a file that is no model": [
    (path) => Deno.writeTextFile(path, "Image Index,Finding Labels"),
    [],
    1,
    /Cannot read weights .*: expected .*, got .* \(remedy: /,
  ],
  "no file": [() => Promise.resolve(), [], 1, /expected a file at .*, got nothing \(remedy: /],
  "a random network's head": [
    () => Promise.resolve(),
    ["--init", "random", "--train", "head"],
    2,
    /expected --init imagenet or a model's file, got --init random; name one of those, or/,
  ],
  "statistics that move under a head that is trained alone": [
    () => Promise.resolve(),
    ["--train", "head", "--bn", "1"],
    2,
    /expected statistics that stay as the start has them; leave out --bn\./,
  ],
};

for (const [what, [make, args, code, said]] of Object.entries(CASES)) {
  Deno.test(`local refuses ${what} in one sentence with the remedy, and leaves --out alone`, () =>
    inFolder(async (dir) => {
      const [init, out] = [`${dir}/start.safetensors`, `${dir}/m.safetensors`];
      await shardIn(dir);
      await make(init);
      await Deno.writeTextFile(out, "older");
      const start = args.includes("--init") ? [] : ["--init", init];
      const common = ["--shard", `${dir}/shard`, "--epochs", "1", "--out", out, "--force"];
      const ran = await runCommand("local", ...common, ...start, ...args);
      const lines = ran.stderr.trim().split("\n");
      assertEquals([ran.code, ran.stdout, lines.length], [code, "", 1], ran.stderr);
      assertMatch(lines[0], /^Cannot /);
      assertMatch(lines[0], said);
      assertEquals(await Deno.readTextFile(out), "older");
    }));
}

Deno.test("local refuses a rule that a shard of an older fedx cannot answer, and says which shard", () =>
  inFolder(async (dir) => {
    const films = [["Line"], ["Rib plate"], []];
    await writeFindings(`${dir}/s`, { train: films, val: films, test: films });
    await asVersion1(`${dir}/s`);
    const args = ["--shard", `${dir}/s`, "--positive", "line", "--epochs", "1", "--init", "random"];
    const { code, stderr } = await runCommand("local", ...args, "--out", `${dir}/m.safetensors`);
    assertEquals(code, 1);
    assertMatch(
      stderr,
      /^Cannot tell the positive films of shard .*\/s: expected findings by name for positive:line, got/,
    );
  }));

Deno.test("local refuses to write over its own start, under whatever name", () =>
  inFolder(async (dir) => {
    await modelFile(`${dir}/m.safetensors`, {});
    await Deno.symlink(`${dir}/m.safetensors`, `${dir}/again.safetensors`);
    const init = ["--init", `${dir}/again.safetensors`];
    const ran = await runCommand(
      "local",
      "--shard",
      "s",
      "--epochs",
      "1",
      "--out",
      `${dir}/m.safetensors`,
      ...init,
    );
    assertEquals(ran.code, 2);
    assertMatch(
      ran.stderr,
      /^Cannot write .*m\.safetensors: expected another file than --init, got the same; choose/,
    );
  }));

Deno.test("local --train head on a process: everything before the classifier is the start's, bit for bit, and both were tested", () =>
  inFolder(async (dir) => {
    await shardIn(dir);
    const start = randomWeights(layout, 1).with(layout.weights - 1, 0.5);
    for (const { name, offset, length } of layout.tensors) {
      if (name.endsWith("running_var")) start.fill(0.1, offset, offset + length); // so that films give features
    }
    await modelFile(`${dir}/start.safetensors`, {}, start);
    const words =
      "--shard shard --init start.safetensors --train head --epochs 2 --batch 2 --lr 0.01 --threads 1";
    const ran = await run(["local", ...words.split(" "), "--out", "own.safetensors", "--json"], { cwd: dir });
    const result = objectOf(ran, "local") as unknown as LocalResult;
    assertMatch(ran.stderr, /start: start\.safetensors \(.*\); its classifier alone is trained$/m);
    const { vector, metadata } = await loadModel(`${dir}/own.safetensors`);
    assertEquals(tensorsThatDiffer(layout, start, vector), HEAD_TENSORS);
    const { init, recipe } = metadata.proposal as Proposal;
    assertEquals([init.kind, init.sha256], ["file", digest(start)]);
    assertEquals(recipe.groups, { classifier: 1, stem: 0, backbone: 0 });
    assertEquals([metadata.round, metadata.source, result.init], [2, init.source, init]);
    const few = { auroc: null, se: null, positives: 1, negatives: 1, images: 2 };
    assertEquals(result.start, { shard: { ...few, difference: null } });
  }));

/** A shard of six grey films of 32 px. */
async function shardIn(dir: string): Promise<void> {
  const rows = SPLITS.flatMap((split) =>
    [0, 1].map((label) => ({
      pixels: new Uint8Array(32 * 32).fill(1 + label + 2 * SPLITS.indexOf(split)),
      label,
      patient: `${split}${label}`,
      split,
      name: `${split}${label}.png`,
    }))
  );
  await writeShard(`${dir}/shard`, { size: 32, kernel: preprocessingOf(1).kernel, salt: "t", rows });
}
