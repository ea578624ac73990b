/**
 * Stock SuperNodes of each version that tests speak with, all in one run of the aggregator beside two silos of fedx, as
 * processes; and the same with a kill of each.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { fileURLToPath } from "node:url";
import { layoutOf } from "../../src/model/layout.ts";
import { preset } from "../../src/model/recipe.ts";
import { initialWeights } from "../../src/model/weights/initial.ts";
import { stateArrays, writeArrays } from "../testing/flower/apps.ts";
import { receiptsOf } from "../testing/fake_federation.ts";
import { fileFolder } from "../testing/folder.ts";
import { FLOWER_VERSIONS, type FlowerEnvironment, flowerEnvironment } from "../testing/flower/environment.ts";
import { makeSshKey } from "../testing/flower/ssh_key.ts";
import { startSuperNode, type SuperNode } from "../testing/flower/supernode.ts";
import { freePort } from "../testing/free_port.ts";
import { makeHospitals } from "../testing/hospitals.ts";
import { blocks, page } from "../testing/pages.ts";
import { pythonWithTorchvision } from "../testing/python.ts";
import { run, type Running, start } from "../testing/program.ts";

const environments = await Promise.all(FLOWER_VERSIONS.map((version) => flowerEnvironment(version)));
const missing = environments.flatMap((one) => "missing" in one ? [one.missing] : []);
for (const reason of missing) console.log(`skipped: ${reason}`);
const stock = environments as FlowerEnvironment[];
/** The sites' names, in the order of their versions. */
const SITES = ["d", "e", "f"];
const SILOS = ["a", "b"];
const dir = await fileFolder();
let made: Promise<void> | undefined;
let runs = 0;

/** Hospitals, and a key and an enrolment for each site; the app's signer is pinned. */
async function makeAll(): Promise<void> {
  await makeHospitals(dir, { val: 60 });
  for (const name of SITES) {
    await makeSshKey(`${dir}/${name}`, stock[0]);
    const counts = ["--train", "32", "--positives", "16", "--tls", "tls-hub", "--json"];
    const { stdout } = await run(["flower", "enrol", name, `${name}.pub`, ...counts], { cwd: dir });
    await Deno.writeTextFile(`${dir}/trusted.yaml`, `fedx: '${JSON.parse(stdout).signer}'\n`);
  }
}

interface Rig {
  ports: { hub: number; fleet: number };
  state: string;
}

const hubArgs = ({ ports, state }: Rig) => [
  ...["aggregate", "--silos", [...SILOS, ...SITES].join(","), "--listen", `127.0.0.1:${ports.hub}`],
  ...["--tls", "tls-hub", "--state", `${state}/hub`, "--rounds", "2", "--size", "32", "--init", "random"],
  ...["--seed", "0"],
  ...[
    "--batch",
    "8",
    "--flower-listen",
    `127.0.0.1:${ports.fleet}`,
  ],
  "--json",
];

const siloArgs = ({ ports, state }: Rig, silo: string) => [
  ...["train", "--silo", silo, "--server", `https://127.0.0.1:${ports.hub}`, "--tls", `tls-${silo}`],
  ...["--shard", `shard-${silo}`, "--state", `${state}/${silo}`, "--threads", "1", "--json"],
];

/** A role's lives: one that its fault kills is started again. */
async function lives(args: string[], fault?: string): Promise<string> {
  for (let life = 0;; life++) {
    const process: Running = await start(args, { cwd: dir, fault: life === 0 ? fault : undefined });
    const { code, signal, stdout, stderr } = await process.finished;
    if (signal === "SIGKILL" && life === 0 && fault !== undefined) continue;
    assertEquals(code, 0, stderr);
    assert(fault === undefined || life > 0, "nothing was killed");
    return stdout;
  }
}

const node = ({ ports }: Rig, at: number): Promise<SuperNode> =>
  startSuperNode(stock[at], {
    address: `127.0.0.1:${ports.fleet}`,
    ca: `${dir}/ca/ca.pem`,
    config: { train: "site_functions:train", evaluate: "site_functions:evaluate" },
    modules: fileURLToPath(new URL("../testing/flower/site", import.meta.url)),
    flags: [
      "--auth-supernode-private-key",
      `${dir}/${SITES[at]}.pem`,
      "--trusted-entities",
      `${dir}/trusted.yaml`,
    ],
  });

/** One whole run; `faults` by role, `kill`: a SuperNode that is killed while it trains and started again. */
async function runAll(faults: Record<string, string> = {}, { kill }: { kill?: number } = {}) {
  await (made ??= makeAll());
  const rig = {
    ports: { hub: freePort(), fleet: freePort() },
    state: `run-${runs++}`,
  };
  await using nodes = new AsyncDisposableStack();
  const hub = lives(hubArgs(rig), faults.hub);
  const silos = SILOS.map((silo) => lives(siloArgs(rig, silo), faults[silo]));
  const started = await Promise.all(SITES.map(async (_, at) => nodes.use(await node(rig, at))));
  const killing = (async () => {
    if (kill === undefined) return;
    const first = started[kill];
    while (!/Receiving: train/.test(await first.log())) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await first.kill();
    nodes.use(await node(rig, kill));
  })();
  const [stdout] = await Promise.all([hub, killing, ...silos]);
  const logs = await Promise.all(started.map((one, at) => at === kill ? "" : one.log()));
  return { result: JSON.parse(stdout), receipts: receiptsOf(`${dir}/${rig.state}/hub`), logs };
}

const ignore = missing.length > 0;
const EXPECTED = [1, 2].flatMap((round) => [...SILOS, ...SITES].map((silo) => `${round} ${silo}`)).toSorted();
const whose = (receipts: string[]) =>
  receipts.map((line) => line.split(" ").slice(0, 2).join(" ")).toSorted();

Deno.test(
  "stock SuperNodes of three versions beside two silos: a run that completes, each update counted once",
  { ignore },
  async () => {
    const { result, receipts, logs } = await runAll();
    assertEquals([result.degraded, result.rounds], [false, 2]);
    assertEquals(whose(receipts), EXPECTED);
    for (const site of SITES) assertEquals(result.test.silos[site].auroc, .75);
    for (const log of logs) assertMatch(log, /Sent successfully/);
  },
);

Deno.test(
  "the same with SIGKILL of the aggregator mid-round, of a SuperNode in training and of a silo: it goes on",
  { ignore },
  async () => {
    const { result, receipts } = await runAll({ hub: "kill:before_fold:1", a: "kill:training:1" }, {
      kill: 2,
    });
    assertEquals([result.degraded, result.rounds], [false, 2]);
    assertEquals(whose(receipts), EXPECTED);
  },
);

Deno.test("the same with SIGKILL of the aggregator as the second round opens, while SuperNodes work", {
  ignore,
}, async () => {
  const { result, receipts } = await runAll({ hub: "kill:committed:1" }, { kill: 0 });
  assertEquals([result.degraded, result.rounds], [false, 2]);
  assertEquals(whose(receipts), EXPECTED);
});

/** What runs the page's functions as the app does, beside the program that saves arrays. */
const CALL = `
import json, sys, numpy as np
sys.path.insert(0, ".")
import my_site
arrays = {name: np.asarray(array) for name, array in np.load("start.npz").items()}
config = json.loads(sys.argv[1])
trained, metrics = my_site.train(arrays, config)
assert all(trained[name].dtype == array.dtype and trained[name].shape == array.shape for name, array in arrays.items())
changed = sum(bool((trained[name] != array).any()) for name, array in arrays.items())
print(json.dumps([len(trained), changed, metrics, my_site.evaluate(trained, {**config, "split": "val"})]))
`;

const python = await pythonWithTorchvision();
const noTorch = python === null;
if (noTorch) console.log("skipped: FEDX_PYTHON names no python with torch and torchvision");

Deno.test("docs/flower.md's functions train and score a site's films", { ignore: noTorch }, async () => {
  await (made ??= makeAll());
  const code = blocks(await page("docs/flower.md")).find(({ language }) => language === "python")!.text;
  await Deno.writeTextFile(`${dir}/my_site.py`, code);
  const films = [...Deno.readDirSync(`${dir}/films-a/images`)].map(({ name }) => name).toSorted();
  const rows = films.map((name, at) =>
    `films-a/images/${name},${at % 2},${["train", "train", "val", "val"][at % 4]}`
  );
  await Deno.writeTextFile(`${dir}/films.csv`, `path,label,split\n${rows.join("\n")}\n`);
  const layout = layoutOf("efficientnet_b0", { channels: 1 });
  const { vector } = await initialWeights(layout, { init: "random", seed: 0 });
  const arrays = stateArrays(vector, layout);
  await writeArrays(`${dir}/start.npz`, { python: python!, arrays });
  const config = {
    ...{ "server-round": 1, size: 32, mean: [.449], deviation: [.226], seed: 0, lr: .001 },
    ...{ "batch-size": 8, steps: 2, recipe: JSON.stringify(preset("default")) },
  };
  const args = ["-c", CALL, JSON.stringify(config)];
  const { success, stdout, stderr } = await new Deno.Command(python!, { args, cwd: dir }).output();
  assert(success, new TextDecoder().decode(stderr));
  const [count, changed, trained, scored] = JSON.parse(new TextDecoder().decode(stdout));
  assertEquals([count, trained["num-examples"]], [
    arrays.length,
    rows.filter((row) => row.endsWith("train")).length,
  ]);
  assert(changed > 300, String(changed));
  assertEquals(scored["num-examples"], rows.filter((row) => row.endsWith("val")).length);
  assert(scored.auroc >= 0 && scored.auroc <= 1 && scored.loss > 0);
});
