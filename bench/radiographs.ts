/**
 * Question: what does a federated run on real radiographs reach, and how much of the machine does it use?
 *
 * Three hospitals (folders `silo-a`, `silo-b`, `silo-c`, each with `images/` and `labels.csv`) are prepared, then an
 * aggregator and three silos run as four processes on loopback over mutual TLS. Afterwards the selected model is
 * evaluated exactly over all three test splits, and one `fedx local` trains on the pooled shards with every core
 * for `--local` minutes, to compare images per second.
 *
 * deno run -A bench/radiographs.ts --data DIR [--recipe default|deck] [--budget 20m] [--out DIR] [--seed 0] [--local 3m]
 */
import { parseArgs } from "node:util";

const { values: options } = parseArgs({
  options: {
    data: { type: "string" },
    recipe: { type: "string", default: "default" },
    budget: { type: "string", default: "20m" },
    init: { type: "string", default: "imagenet" },
    size: { type: "string", default: "128" },
    seed: { type: "string", default: "0" },
    local: { type: "string", default: "3m" },
    out: { type: "string", default: "fedx-radiographs" },
  },
});
if (!options.data) {
  console.error("Cannot run the bench: expected --data DIR with silo-a, silo-b and silo-c, got none.");
  Deno.exit(2);
}
const silos = ["a", "b", "c"];
const out = options.out;
const program = Deno.env.get("FEDX_EXE") ?? "./fedx";
await Deno.mkdir(out, { recursive: true });

/** Runs one `fedx` command to its end and returns the JSON object that it printed. */
async function fedx(name: string, args: string[]): Promise<Record<string, unknown>> {
  const log = await Deno.open(`${out}/${name}.log`, { write: true, create: true, truncate: true });
  const child = new Deno.Command(program, { args: [...args, "--json"], stdout: "piped", stderr: "piped" })
    .spawn();
  const [, text, status] = await Promise.all([
    child.stderr.pipeTo(log.writable),
    new Response(child.stdout).text(),
    child.status,
  ]);
  if (!status.success) throw new Error(`fedx ${args[0]} exited ${status.code}: see ${out}/${name}.log`);
  return JSON.parse(text);
}

for (const silo of silos) {
  const from = `${options.data}/silo-${silo}`;
  const to = `${out}/shard-${silo}-${options.size}`;
  if (await Deno.stat(to).then(() => true, () => false)) continue;
  const prepared = await fedx(`prepare-${silo}`, [
    "prepare",
    ...["--images", `${from}/images`, "--labels", `${from}/labels.csv`, "--size", options.size, "--out", to],
  ]);
  console.log(`prepare ${silo}: ${prepared.images} images of ${prepared.patients} patients`);
}
if (!await Deno.stat(`${out}/ca`).then(() => true, () => false)) {
  await fedx("ca", ["ca", "init", "--out", `${out}/ca`]);
  await fedx("ca-hub", [
    "ca",
    "issue",
    "hub",
    "--role",
    "aggregator",
    "--ca",
    `${out}/ca`,
    "--out",
    `${out}/tls-hub`,
  ]);
  for (const silo of silos) {
    await fedx(`ca-${silo}`, [
      "ca",
      "issue",
      silo,
      "--role",
      "silo",
      "--ca",
      `${out}/ca`,
      "--out",
      `${out}/tls-${silo}`,
    ]);
  }
}

const run = `${out}/${options.recipe}-${options.init}-${options.budget}-seed${options.seed}`;
await Deno.remove(run, { recursive: true }).catch(() => {});
const probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
const port = (probe.addr as Deno.NetAddr).port;
probe.close();
const started = performance.now();
const [aggregate, ...trained] = await Promise.all([
  fedx("aggregate", [
    "aggregate",
    ...["--silos", silos.join(","), "--listen", `127.0.0.1:${port}`, "--tls", `${out}/tls-hub`],
    ...["--state", `${run}/aggregator`, "--size", options.size, "--init", options.init],
    ...["--recipe", options.recipe, "--budget", options.budget, "--seed", options.seed],
  ]),
  ...silos.map((silo) =>
    fedx(`train-${silo}`, [
      "train",
      ...["--silo", silo, "--server", `https://127.0.0.1:${port}`, "--tls", `${out}/tls-${silo}`],
      ...["--shard", `${out}/shard-${silo}-${options.size}`, "--state", `${run}/${silo}`],
    ])
  ),
]);
const wall = (performance.now() - started) / 1000;
const shards = silos.flatMap((silo) => ["--shard", `${out}/shard-${silo}-${options.size}`]);
const model = String(aggregate.model);
const evaluated = await fedx("evaluate", [
  "evaluate",
  "--model",
  model,
  ...shards,
  "--plot",
  `${run}/roc.svg`,
]);
console.log(JSON.stringify({ aggregate, trained, wall, evaluated }, null, 2));

if (options.local !== "0") {
  const local = await fedx("local", [
    "local",
    ...shards,
    ...["--budget", options.local, "--recipe", options.recipe, "--init", options.init],
    ...["--seed", options.seed, "--out", `${run}/local.safetensors`],
  ]);
  console.log(JSON.stringify({ local }, null, 2));
}
