/**
 * Question: what does a federated run on real radiographs reach, and how much of the machine does it use?
 *
 * Three hospitals (folders `silo-a`, `silo-b`, `silo-c`, each with `images/` and `labels.csv`) are prepared, then an
 * aggregator and three silos run as four processes on loopback over mutual TLS. Afterwards the selected model is
 * evaluated exactly over all three test splits; one `fedx local` trains on the pooled shards with every core for
 * `--local` minutes, to compare images per second; and the python named by FEDX_PYTHON, if any, loads the model into
 * torchvision and scores one shard as `fedx predict --shard` does.
 *
 *     npx -y deno@2.9.3 task bench bench/radiographs.ts --data DIR [--recipe default|deck] [--budget 20m]
 *       [--init imagenet] [--size 128] [--seed 0] [--local 3m|0] [--out DIR]
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Hospitals, type Json, requireData } from "./hospitals.ts";
import { machine } from "./machine.ts";

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
const { out, recipe, budget, init, size, seed } = options;
const run = `${out}/${recipe}-${init}-${budget}-seed${seed}`;
const hospitals = new Hospitals({ data: requireData(options.data), out, size });

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
  await hospitals.predict(model, "b", csv);
  const script = fileURLToPath(new URL("../tests/golden/score_shard.py", import.meta.url));
  const { code, stdout } = await new Deno.Command(python, {
    args: [script, model, hospitals.shard("b"), csv],
    stderr: "inherit",
  }).output();
  return `${code === 0 ? "equal" : "DIFFERENT"} ${new TextDecoder().decode(stdout).trim()}`;
}

console.log(machine());
await hospitals.prepare();
const aggregate = await hospitals.federate(run, [
  ...["--init", init, "--recipe", recipe, "--budget", budget, "--seed", seed],
]);
const model = String(aggregate.model);
const evaluated = await hospitals.fedx("evaluate", [
  ...["evaluate", "--model", model],
  ...hospitals.shards,
  ...["--plot", `${run}/roc.svg`],
]);
await Deno.writeTextFile(`${run}/result.json`, JSON.stringify({ aggregate, evaluated }, null, 2));
console.log(`${recipe}, ${init} start, ${budget}, ${size} px, seed ${seed}`);
console.log(`exact pooled test AUROC ${evaluated.auroc} ${JSON.stringify(evaluated.ci95)}`);
console.log(`stratified ${evaluated.stratified}`);
console.log(`${aggregate.rounds} rounds in ${aggregate.seconds} s, ${pace(aggregate).toFixed(1)} images/s`);
console.log(`torchvision: ${await compareWithTorchvision(model)}`);
if (options.local !== "0") {
  const local = await hospitals.fedx("local", [
    ...["local", ...hospitals.shards, "--budget", options.local, "--recipe", recipe],
    ...["--init", init, "--seed", seed, "--out", `${run}/local.safetensors`],
  ]);
  console.log(`fedx local on all cores: ${pace(local).toFixed(1)} images/s`);
  console.log(`federated / local: ${(pace(aggregate) / pace(local)).toFixed(2)}`);
}
