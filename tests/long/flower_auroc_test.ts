/**
 * What three hospitals' radiographs come to in runs of stock Flower, beside a run of our own with the same settings and
 * start: three hospitals with fedx, and two beside a stock SuperNode with PyTorch. An hour and a half for all; needs
 * `../shared/data`, and FEDX_PYTHON for the SuperNode.
 */
import { assert, assertLess } from "@std/assert";
import { fileURLToPath } from "node:url";
import { prepareShard } from "../../src/data/prepare.ts";
import { Shard, SPLITS } from "../../src/data/shard.ts";
import { layoutOf } from "../../src/model/layout.ts";
import { loadModel, saveModel } from "../../src/model/weights/model_file.ts";
import { answering, assertAllAnswered } from "../testing/flower/answering.ts";
import { FLOWER_APPS, readArrays, stateArrays, writeArrays } from "../testing/flower/apps.ts";
import { FLOWER_VERSIONS, type FlowerEnvironment, flowerEnvironment } from "../testing/flower/environment.ts";
import { startSuperLink } from "../testing/flower/superlink.ts";
import { startSuperNode, type SuperNode } from "../testing/flower/supernode.ts";
import { fileFolder } from "../testing/folder.ts";
import { makeCertificates, SILOS } from "../testing/hospitals.ts";
import { federate, KERMANY, kermanyIsHere, meanAuroc } from "../testing/kermany.ts";
import { blocks, page } from "../testing/pages.ts";
import { pythonWithTorchvision } from "../testing/python.ts";

const MODULES = fileURLToPath(new URL("../testing/flower/site", import.meta.url));
const LAYOUT = layoutOf("efficientnet_b0", { channels: 1 });
/** Rounds of one pass, in films' order and augmentation by a seed; `LR` is what both servers tell. */
const ROUNDS = 3, BATCH = 11, LR = .002;
/** How far from our own run's a mean AUROC may be. */
const NEAR = .01;

const here = await kermanyIsHere();
const python = await pythonWithTorchvision();
const dir = await fileFolder();
let made: Promise<void> | undefined;
const ownRuns = new Map<number, Promise<Own>>();

/** Shards at 64 px, certificates, and what the site with PyTorch holds: the page's functions and a table of its films. */
async function makeAll(): Promise<void> {
  for (const silo of SILOS) {
    const [images, labels] = [`${KERMANY}silo-${silo}/images`, `${KERMANY}silo-${silo}/labels.csv`];
    await prepareShard({ images, labels, size: 64, out: `${dir}/shard-${silo}`, site: `${dir}/site` });
  }
  await makeCertificates(dir);
  const shard = await Shard.open(`${dir}/shard-c`);
  const names = await shard.names(), labels = shard.binary();
  const films = names.map((name, row) =>
    `${KERMANY}silo-c/images/${name},${labels[row]},${SPLITS[shard.splits[row]]}`
  );
  await Deno.writeTextFile(`${dir}/films.csv`, `path,label,split\n${films.join("\n")}\n`);
  const code = blocks(await page("docs/flower.md")).find(({ language }) => language === "python")!.text;
  await Deno.writeTextFile(`${dir}/my_site.py`, code);
}

/** A run of our own: its start, and the last model's mean AUROC. */
interface Own {
  start: string;
  auroc: number;
}

/** Our own run of a seed, made once. */
async function ownRun(seed: number): Promise<Own> {
  await (made ??= makeAll());
  const options = ["--batch", `${BATCH}`, "--lr", `${LR}`];
  const folder = await federate({
    dir,
    shards: "shard",
    state: `own-${seed}`,
    rounds: ROUNDS,
    seed,
    options,
  });
  const auroc = await meanAuroc(`${folder}/last.safetensors`, { dir, shards: "shard" });
  console.log(`own run, seed ${seed}: ${auroc.toFixed(4)}`);
  return { start: `${dir}/${folder}/init.safetensors`, auroc };
}

/** Three rounds on a stock SuperLink from the start of our own run; with `torch`, hospital c is a stock SuperNode. */
async function onSuperLink(
  stock: FlowerEnvironment,
  { app, torch, seed }: { app: keyof typeof FLOWER_APPS; torch: boolean; seed: number },
): Promise<void> {
  const own = await (ownRuns.get(seed) ?? ownRuns.set(seed, ownRun(seed)).get(seed)!);
  const { vector, metadata } = await loadModel(own.start);
  const [initial, final] = [`${dir}/start.npz`, `${dir}/final.npz`];
  await writeArrays(initial, { python: stock.python, arrays: stateArrays(vector, LAYOUT) });
  await using link = await startSuperLink(stock);
  await using stack = new AsyncDisposableStack();
  let node: SuperNode | undefined;
  if (torch) {
    const config = { site: "torch_site", folder: dir, packages: await packagesOf(python!) };
    const { address } = link.fleet;
    node = stack.use(await startSuperNode(stock, { address, modules: MODULES, config }));
  }
  await answering(link, {
    ...{ cwd: dir, silos: torch ? ["a", "b"] : SILOS },
    args: ["--batch", `${BATCH}`, "--rounds", `${ROUNDS}`, "--seed", `${seed}`, "--device", "cpu"],
  }, async () => {
    const run = await link.run(FLOWER_APPS[app], {
      config: {
        ...{ "initial-arrays": initial, "final-arrays": final, "num-server-rounds": ROUNDS },
        ...{ "min-nodes": 3, "learning-rate": LR },
      },
      seconds: 1800,
    });
    const told = [run.output, await node?.log()].join("\n");
    assert(run.code === 0, told);
    assertAllAnswered(run.output, { rounds: ROUNDS, told });
  });
  const arrays = new Map((await readArrays(final, stock)).map(({ name, values }) => [name, values]));
  for (const { name, offset } of LAYOUT.tensors) vector.set(arrays.get(name) as Float32Array, offset);
  await saveModel(`${dir}/final.safetensors`, vector, LAYOUT, metadata);
  const auroc = await meanAuroc("final.safetensors", { dir, shards: "shard" });
  console.log(
    `Flower ${stock.version}, ${app}, ${torch ? "two silos and PyTorch" : "three silos"}, seed ${seed}: ` +
      `${auroc.toFixed(4)}; own ${own.auroc.toFixed(4)}`,
  );
  assertLess(Math.abs(auroc - own.auroc), NEAR);
}

/** Where a Python's packages lie. */
async function packagesOf(python: string): Promise<string> {
  const args = ["-c", "import os, torch; print(os.path.dirname(os.path.dirname(torch.__file__)))"];
  return new TextDecoder().decode((await new Deno.Command(python, { args }).output()).stdout).trim();
}

for (const version of FLOWER_VERSIONS) {
  const environment = await flowerEnvironment(version);
  const missing = "missing" in environment;
  if (missing) console.log(`skipped: ${environment.missing}`);
  for (const app of ["message", "numpy"] as const) {
    for (const torch of [false, true]) {
      for (const seed of version === "newest" && app === "message" && !torch ? [0, 1, 2] : [0]) {
        const who = torch ? "two hospitals beside a stock SuperNode with PyTorch" : "three hospitals";
        const ignore = missing || !here || torch && python === null;
        const name = `Flower ${version}, ${app}: ${who}, seed ${seed}: within ${NEAR} of our own run`;
        Deno.test(
          name,
          { ignore },
          () => onSuperLink(environment as FlowerEnvironment, { app, torch, seed }),
        );
      }
    }
  }
}
