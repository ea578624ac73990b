/**
 * Question: what does a round over Flower cost, with fedx as its nodes or as its server, beside Flower itself?
 *
 * Three nodes, EfficientNet-B0 (4.05 M values), nothing is trained: Python nodes add a constant, fedx's trainer draws its
 * deltas. Each of the three settings (Python nodes and fedx silos on a stock SuperLink of the newest Flower, Python nodes on
 * `fedx aggregate`) is run with one round and with `--rounds` more; the difference is what the rounds took, in wall time and in the
 * nodes' CPU-seconds. A round is a `train` and an `evaluate` of each node.
 *
 *     npx -y deno@2.9.3 task bench bench/flower.ts [--rounds 5] [--flower newest]
 *
 * Also a program of its own: `flower.ts silo URL NAME STATE` is one of fedx's silos.
 */
import { parseArgs } from "node:util";
import { fileURLToPath } from "node:url";
import { flowerHub } from "../src/fed/flower/hub/hub.ts";
import { runFlowerSilo } from "../src/fed/flower/silo.ts";
import { runAggregator } from "../src/fed/aggregator/aggregator.ts";
import { enrol } from "../src/fed/flower/hub/enrolment.ts";
import { initCa, issue } from "../src/fed/pki/ca.ts";
import { proposalOf } from "../tests/testing/fake_federation.ts";
import { FakeTrainer, FULL, startVector } from "../tests/testing/fake_trainer.ts";
import { childFlags } from "../tests/testing/child.ts";
import { FLOWER_APPS, stateArrays, writeArrays } from "../tests/testing/flower/apps.ts";
import { type FlowerEnvironment, flowerEnvironment } from "../tests/testing/flower/environment.ts";
import { makeSshKey } from "../tests/testing/flower/ssh_key.ts";
import { cpuOf } from "../tests/testing/flower/process.ts";
import { startSuperLink } from "../tests/testing/flower/superlink.ts";
import { startSuperNode } from "../tests/testing/flower/supernode.ts";
import { inFolder } from "../tests/testing/folder.ts";
import { freePort } from "../tests/testing/free_port.ts";
import { machine } from "./machine.ts";

const NODES = ["d", "e", "f"];

/** What is played: so many rounds, with a folder for what they leave. */
interface Played {
  rounds: number;
  dir: string;
}

/** What so many rounds took: seconds, and the nodes' CPU-seconds. */
interface Cost {
  wall: number;
  cpu: number;
}

async function silo(url: string, name: string, state: string): Promise<never> {
  return await runFlowerSilo({
    ...{ server: new URL(url), state, silo: name, apps: ["fedx/fedx-message"], network: "efficientnet_b0" },
    ...{ recipe: "default", films: 96, number: 1, onEvent() {} },
    trainer: () => Promise.resolve(new FakeTrainer({ layout: FULL, silo: name })),
  });
}

/** Nodes that answer a SuperLink until they are stopped. */
interface Nodes extends AsyncDisposable {
  cpu(): Promise<number>;
}

async function pythonNodes(stock: FlowerEnvironment, address: string): Promise<Nodes> {
  const nodes = await Promise.all(
    NODES.map(() => startSuperNode(stock, { address, config: { added: .001 } })),
  );
  return {
    cpu: async () => (await Promise.all(nodes.map((node) => node.cpu()))).reduce((sum, one) => sum + one, 0),
    [Symbol.asyncDispose]: async () => void await Promise.all(nodes.map((node) => node.stop())),
  };
}

async function fedxNodes(url: string, dir: string): Promise<Nodes> {
  const flags = await childFlags();
  const nodes = NODES.map((name) =>
    new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--quiet",
        "-A",
        ...flags,
        fileURLToPath(import.meta.url),
        "silo",
        url,
        name,
        `${dir}/${name}`,
      ],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn()
  );
  return {
    cpu: async () =>
      (await Promise.all(nodes.map(({ pid }) => cpuOf(pid)))).reduce((sum, one) => sum + one, 0),
    [Symbol.asyncDispose]: async () => {
      for (const node of nodes) node.kill("SIGKILL");
      await Promise.all(nodes.map((node) => node.status));
    },
  };
}

/** Rounds on a stock SuperLink. */
async function onSuperLink(
  stock: FlowerEnvironment,
  whose: "python" | "fedx",
  { rounds, dir }: Played,
): Promise<Cost> {
  const arrays = stateArrays(startVector(FULL), FULL);
  await writeArrays(`${dir}/start.npz`, { python: stock.python, arrays });
  await using link = await startSuperLink(stock);
  await using nodes = whose === "python"
    ? await pythonNodes(stock, link.fleet.address)
    : await fedxNodes(link.fleet.url, dir);
  const began = performance.now();
  const run = await link.run(FLOWER_APPS.message, {
    config: { "initial-arrays": `${dir}/start.npz`, "num-server-rounds": rounds, "min-nodes": NODES.length },
    seconds: 1800,
  });
  if (run.code !== 0) throw new Error(run.output);
  return { wall: (performance.now() - began) / 1000, cpu: await nodes.cpu() };
}

/** Rounds of `fedx aggregate`. */
async function onFedx(stock: FlowerEnvironment, { rounds, dir }: Played): Promise<Cost> {
  await initCa(`${dir}/ca`);
  await issue({ name: "hub", role: "aggregator", ca: `${dir}/ca`, out: `${dir}/tls` });
  for (const name of NODES) {
    const publicKey = await makeSshKey(`${dir}/${name}`, stock);
    await enrol(`${dir}/tls`, { name, publicKey, train: 32, positives: 16 });
  }
  const [port, fleet] = [freePort(), freePort()];
  const at = { host: "127.0.0.1", port: fleet };
  const start = startVector(FULL);
  await using nodes = new AsyncDisposableStack();
  const began = performance.now();
  const running = runAggregator({
    proposal: proposalOf(start, { silos: NODES, flower: NODES, rounds }),
    ...{ start, listen: { host: "127.0.0.1", port }, tls: `${dir}/tls`, state: `${dir}/state` },
    guests: flowerHub({ tls: `${dir}/tls`, listen: at }),
  });
  const started = await Promise.all(NODES.map(async (name) =>
    nodes.use(
      await startSuperNode(stock, {
        ...{ address: `127.0.0.1:${fleet}`, ca: `${dir}/ca/ca.pem` },
        config: { train: "site_functions:train", evaluate: "site_functions:evaluate" },
        modules: fileURLToPath(new URL("../tests/testing/flower/site", import.meta.url)),
        flags: ["--auth-supernode-private-key", `${dir}/${name}.pem`],
      }),
    )
  ));
  await running;
  const wall = (performance.now() - began) / 1000;
  return {
    wall,
    cpu: (await Promise.all(started.map((node) => node.cpu()))).reduce((sum, one) => sum + one, 0),
  };
}

async function bench(): Promise<void> {
  const { values } = parseArgs({
    options: { rounds: { type: "string", default: "5" }, flower: { type: "string", default: "newest" } },
  });
  const rounds = Number(values.rounds);
  const stock = await flowerEnvironment(values.flower);
  if ("missing" in stock) throw new Error(stock.missing);
  console.log(machine());
  console.log(`Flower ${stock.version}; a round is the mean of ${rounds}`);
  const settings: [name: string, run: (played: Played) => Promise<Cost>][] = [
    ["Python nodes on a SuperLink", (played) => onSuperLink(stock, "python", played)],
    ["fedx silos on a SuperLink", (played) => onSuperLink(stock, "fedx", played)],
    ["Python nodes on fedx aggregate", (played) => onFedx(stock, played)],
  ];
  const cost = (run: (played: Played) => Promise<Cost>, rounds: number) =>
    inFolder((dir) => run({ rounds, dir }));
  const first: (Cost | undefined)[] = [];
  for (const [at, [name, run]] of settings.entries()) {
    const [one, more] = [await cost(run, 1), await cost(run, 1 + rounds)];
    const wall = (more.wall - one.wall) / rounds;
    const cpu = (more.cpu - one.cpu) / rounds / NODES.length;
    first[at] = { wall, cpu };
    const beside = at === 0
      ? ""
      : ` (${(wall / first[0]!.wall).toFixed(2)} and ${(cpu / first[0]!.cpu).toFixed(2)} of the first)`;
    console.log(`${name}: ${wall.toFixed(1)} s a round, ${cpu.toFixed(2)} CPU-s a node and round${beside}`);
  }
}

if (Deno.args[0] === "silo") await silo(Deno.args[1], Deno.args[2], Deno.args[3]);
else await bench();
