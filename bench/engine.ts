/**
 * Is the engine as fast as PyTorch of the same version, threads and memory format on the same work?
 *
 * Both live in a process of their own and take turns, ours first in one round and last in the next; a figure is the
 * median over rounds. The python with torch and torchvision is named by FEDX_PYTHON (python3). `--batch N` and
 * `--size N` choose others than 32 and 128. On a GPU bench/gpu/ measures.
 */
import { parseArgs } from "@std/cli";
import { fileURLToPath } from "node:url";
import { cpuUsage } from "node:process";
import { preprocessingOf } from "../src/model/weights/model_file.ts";
import { randomWeights } from "../src/model/weights/random.ts";
import { DataSet } from "../src/model/data_set.ts";
import { Engine } from "../src/model/engine.ts";
import { preset } from "../src/model/recipe.ts";
import { openedLibrary } from "../src/shim/library.ts";
import { libraries } from "../tests/testing/libraries.ts";
import { pythonWithTorchvision } from "../tests/testing/python.ts";
import { median } from "../src/fed/maths/median.ts";
import { machine } from "./machine.ts";

const options = parseArgs(Deno.args, { string: ["batch", "size"] });
const ROUNDS = 5, SIZE = Number(options.size ?? 128);
const BATCH = Number(options.batch ?? 32), PREDICT_BATCH = 64;
/** Per timed piece of work. */
const STEPS = 6, FORWARDS = 6;
const FILMS = Math.max(BATCH, PREDICT_BATCH);
const THREADS = Number(Deno.env.get("FEDX_THREADS") ?? navigator.hardwareConcurrency);

/** Seconds that a piece of work took. */
interface Cost {
  wall: number;
  cpu: number;
}
type Side = { train(steps: number): Promise<Cost>; predict(batches: number): Promise<Cost> };

/** The engine, in this process. */
async function ours(): Promise<Side & Disposable> {
  const libs = await libraries();
  const recipe = preset("deck", {
    batch: BATCH,
    lr: 1e-4,
    augment: { flip: false, rotation: 0, brightness: 0, contrast: 0 },
  });
  const engine = await Engine.create(
    {
      network: "efficientnet_b0",
      size: SIZE,
      channels: 1,
      device: "cpu",
      precision: "fp32",
      threads: THREADS,
      seed: 1,
      silo: 0,
      recipe,
      classWeights: [1, 1],
      preprocessing: preprocessingOf(1),
    },
    libs,
  );
  const data = await DataSet.create(libs, { n: FILMS, size: SIZE });
  await data.put(0, Uint8Array.from({ length: FILMS * SIZE * SIZE }, () => Math.random() * 256));
  data.labels(0, Uint8Array.from({ length: FILMS }, (_, i) => i % 2));
  await engine.writeVector(randomWeights(engine.layout, 1));
  const rows = Uint32Array.from({ length: PREDICT_BATCH }, (_, i) => i);
  let firstStep = 0;
  const step = async () => {
    await engine.train(data, {
      firstStep: firstStep++,
      lr: new Float32Array([1]),
      clip: new Float32Array([3]),
      indices: Uint32Array.from({ length: BATCH }, (_, i) => i),
    });
  };
  const timed = async (count: number, work: () => Promise<unknown>): Promise<Cost> => {
    const wall = performance.now(), cpu = cpuUsage();
    for (let i = 0; i < count; i++) await work();
    const used = cpuUsage(cpu);
    return { wall: (performance.now() - wall) / 1000, cpu: (used.user + used.system) / 1e6 };
  };
  return {
    train: (steps) => timed(steps, step),
    predict: (batches) => timed(batches, () => engine.predict(data, rows)),
    [Symbol.dispose]() {
      data[Symbol.dispose]();
      engine[Symbol.dispose]();
    },
  };
}

/** PyTorch in a python process; null where there is none. */
async function theirs(): Promise<Side & AsyncDisposable | null> {
  const python = await pythonWithTorchvision();
  if (python === null) return null;
  const script = fileURLToPath(new URL("engine.py", import.meta.url));
  const args = [script, THREADS, SIZE, BATCH, PREDICT_BATCH].map(String);
  const child = new Deno.Command(python, {
    args,
    stdin: "piped",
    stdout: "piped",
    env: { OMP_NUM_THREADS: `${THREADS}` },
  }).spawn();
  const input = child.stdin.getWriter();
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const line = async () => {
    let text = "";
    while (!text.endsWith("\n")) {
      const { value, done } = await output.read();
      if (done) throw new Error("Cannot measure PyTorch: the python process ended");
      text += value;
    }
    return JSON.parse(text);
  };
  const ask = async (what: string): Promise<Cost> => {
    await input.write(new TextEncoder().encode(`${what}\n`));
    return await line();
  };
  const versions = await line();
  console.log(
    `PyTorch ${versions.torch}, torchvision ${versions.torchvision}, ${versions.threads} threads, channels_last`,
  );
  return {
    train: (steps) => ask(`train ${steps}`),
    predict: (batches) => ask(`predict ${batches}`),
    async [Symbol.asyncDispose]() {
      await input.close();
      await child.status;
    },
  };
}

/** Alternates both sides over one kind of work and prints a line with medians and the median ratio. */
async function compare(
  us: Side,
  them: Side | null,
  work: { kind: keyof Side; count: number; images: number },
): Promise<void> {
  const { kind, count, images } = work;
  const costs: { us: Cost; them?: Cost }[] = [];
  for (const side of [us, them]) await side?.[kind](3); // warm-up
  for (let round = 0; round < ROUNDS; round++) {
    const first = round % 2 ? undefined : await us[kind](count);
    const other = await them?.[kind](count);
    costs.push({ us: first ?? await us[kind](count), them: other });
  }
  const rate = (cost: number) => (count * images / cost).toFixed(1);
  const wall = median(costs.map((c) => c.us.wall));
  console.log(
    `${kind}: fedx ${rate(wall)} images/s, ${rate(median(costs.map((c) => c.us.cpu)))} per CPU-second`,
  );
  if (!them) return;
  const ratio = (field: keyof Cost) => median(costs.map((c) => c.them![field] / c.us[field])).toFixed(2);
  const theirWall = median(costs.map((c) => c.them!.wall)), theirCpu = median(costs.map((c) => c.them!.cpu));
  console.log(`${kind}: PyTorch ${rate(theirWall)} images/s, ${rate(theirCpu)} per CPU-second`);
  console.log(
    `${kind}: fedx is ${ratio("wall")} x PyTorch by wall clock, ${
      ratio("cpu")
    } x by CPU time (medians of ${ROUNDS})`,
  );
}

// Not Deno.bench: it would time this as one block, several times over.
using us = await ours();
await using them = await theirs();
const { torch, build } = openedLibrary()!;
console.log(machine());
console.log(`fedx build ${build}, libtorch ${torch}, Deno ${Deno.version.deno}, ${THREADS} threads`);
console.log(
  `EfficientNet-B0, 1 channel, ${SIZE} px, fp32, batch ${BATCH} (predict ${PREDICT_BATCH})`,
);
await compare(us, them, { kind: "train", count: STEPS, images: BATCH });
await compare(us, them, { kind: "predict", count: FORWARDS, images: PREDICT_BATCH });
