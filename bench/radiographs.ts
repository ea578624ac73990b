/**
 * Question: what does a federated run on real radiographs reach, and how much of the machine does it use?
 *
 * Three hospitals (folders `silo-a`, `silo-b`, `silo-c`, each with `images/` and `labels.csv`) are prepared, then an
 * aggregator and three silos run as four processes on loopback over mutual TLS. Afterwards the selected model is
 * evaluated exactly over all three test splits; one `fedx local` trains on the pooled shards with every core for
 * `--local` minutes, to compare images per second; and the python named by FEDX_PYTHON, if any, loads the model into
 * torchvision and scores one shard as `fedx predict --shard` does.
 *
 * deno run -A bench/radiographs.ts --data DIR [--recipe default|deck] [--budget 20m] [--out DIR] [--seed 0] [--local 3m|0]
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

type Json = Record<string, unknown>;

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
const SILOS = ["a", "b", "c"];
const { out, recipe, budget, init, size, seed } = options;
const program = Deno.env.get("FEDX_EXE") ?? "./fedx";
const run = `${out}/${recipe}-${init}-${budget}-seed${seed}`;
const shard = (silo: string) => `${out}/shard-${silo}-${size}`;
const shards = SILOS.flatMap((silo) => ["--shard", shard(silo)]);

const exists = (path: string) => Deno.stat(path).then(() => true, () => false);

/** Runs one `fedx` command to its end and returns the JSON object that it printed. */
async function fedx(name: string, args: string[]): Promise<Json> {
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

/** Shards and certificates, once. */
async function prepare(): Promise<void> {
  await Deno.mkdir(out, { recursive: true });
  for (const silo of SILOS) {
    if (await exists(shard(silo))) continue;
    const from = `${options.data}/silo-${silo}`;
    const where = ["--images", `${from}/images`, "--labels", `${from}/labels.csv`, "--out", shard(silo)];
    const made = await fedx(`prepare-${silo}`, ["prepare", ...where, "--size", size]);
    console.log(`prepare ${silo}: ${made.images} images of ${made.patients} patients`);
  }
  if (await exists(`${out}/ca`)) return;
  const ca = ["--ca", `${out}/ca`];
  await fedx("ca", ["ca", "init", "--out", `${out}/ca`]);
  await fedx("ca-hub", ["ca", "issue", "hub", "--role", "aggregator", ...ca, "--out", `${out}/tls-hub`]);
  for (const silo of SILOS) {
    await fedx(`ca-${silo}`, ["ca", "issue", silo, "--role", "silo", ...ca, "--out", `${out}/tls-${silo}`]);
  }
}

/** The aggregator and three silos as four processes; what the aggregator printed. */
async function federate(): Promise<Json> {
  await Deno.remove(run, { recursive: true }).catch(() => {});
  const probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = probe.addr as Deno.NetAddr;
  probe.close();
  const [aggregate] = await Promise.all([
    fedx("aggregate", [
      "aggregate",
      ...["--silos", SILOS.join(","), "--listen", `127.0.0.1:${port}`, "--tls", `${out}/tls-hub`],
      ...["--state", `${run}/aggregator`, "--size", size, "--init", init],
      ...["--recipe", recipe, "--budget", budget, "--seed", seed],
    ]),
    ...SILOS.map((silo) =>
      fedx(`train-${silo}`, [
        "train",
        ...["--silo", silo, "--server", `https://127.0.0.1:${port}`, "--tls", `${out}/tls-${silo}`],
        ...["--shard", shard(silo), "--state", `${run}/${silo}`],
      ])
    ),
  ]);
  return aggregate;
}

/** Images trained and scored per second. */
function pace({ images, seconds }: Json): number {
  const { trained, scored } = images as { trained: number; scored: number };
  return (trained + scored) / (seconds as number);
}

/** torchvision with the model's weights against `fedx predict`, on every film of one shard. */
async function compareWithTorchvision(model: string): Promise<string> {
  const python = Deno.env.get("FEDX_PYTHON");
  if (!python) return "not compared: name a python with torchvision in FEDX_PYTHON";
  const csv = `${run}/scores.csv`;
  await fedx("predict", ["predict", "--model", model, "--shard", shard("b"), "--out", csv]);
  const script = fileURLToPath(new URL("../tests/golden/score_shard.py", import.meta.url));
  const { code, stdout } = await new Deno.Command(python, {
    args: [script, model, shard("b"), csv],
    stderr: "inherit",
  }).output();
  return `${code === 0 ? "equal" : "DIFFERENT"} ${new TextDecoder().decode(stdout).trim()}`;
}

await prepare();
const aggregate = await federate();
const model = String(aggregate.model);
const evaluated = await fedx("evaluate", [
  ...["evaluate", "--model", model],
  ...shards,
  ...["--plot", `${run}/roc.svg`],
]);
await Deno.writeTextFile(`${run}/result.json`, JSON.stringify({ aggregate, evaluated }, null, 2));
console.log(`${recipe}, ${init} start, ${budget}, ${size} px, seed ${seed}`);
console.log(`exact pooled test AUROC ${evaluated.auroc} ${JSON.stringify(evaluated.ci95)}`);
console.log(`stratified ${evaluated.stratified}`);
console.log(`${aggregate.rounds} rounds in ${aggregate.seconds} s, ${pace(aggregate).toFixed(1)} images/s`);
console.log(`torchvision: ${await compareWithTorchvision(model)}`);
if (options.local !== "0") {
  const where = ["--init", init, "--seed", seed, "--out", `${run}/local.safetensors`];
  const local = await fedx("local", [
    "local",
    ...shards,
    "--budget",
    options.local,
    "--recipe",
    recipe,
    ...where,
  ]);
  console.log(`fedx local on all cores: ${pace(local).toFixed(1)} images/s`);
  console.log(`federated / local: ${(pace(aggregate) / pace(local)).toFixed(2)}`);
}
