/**
 * Question: does a whole federation work on a GPU as it does on a CPU, with three silos on the one card?
 *
 * The stage `real` of `task gpu`: three silos and an aggregator as processes of FEDX_EXE over mutual TLS, on drawn films,
 * from random weights; one silo is killed with SIGKILL in a round and started again. Then the model is scored, `doctor`
 * looks at the machine, and the demo runs. It works in the empty folder that it is started in.
 *
 *     npx -y deno@2.9.3 task gpu --only real
 */
import { resolve } from "node:path";
import { cores } from "../../src/model/libraries.ts";
import { preset } from "../../src/model/recipe.ts";
import { type Figure, figure as append } from "../../tools/gpu/figures.ts";
import {
  federate,
  makeHospitals,
  secondsSince,
  type Settings,
  SILOS,
  type Size,
  watched,
} from "./federation.ts";
import { drawIfWorker } from "./films.ts";
import { Programs, type Tell } from "./programs.ts";
import { type Measured, rounded, RunFigures } from "./run_figures.ts";

/** Sizes by device: the CPU stands in for the GPU where this is rehearsed, and takes seconds for a round of few films. */
const SIZES: Record<string, Size & { demo: string[] }> = {
  cuda: {
    ...{ size: 128, train: 128, val: 48, test: 64, batch: 32, rounds: 3, localEpochs: 8 },
    demo: ["--passes", "2", "--films", "160"],
  },
  cpu: {
    ...{ size: 32, train: 96, val: 48, test: 48, batch: 32, rounds: 3, localEpochs: 1 },
    demo: ["--passes", "1", "--films", "128", "--size", "32"],
  },
};
/** Most that the AUROC of single precision may differ from what the silos told: they score in half precision on a GPU. */
const APART = 0.05;

/** What a stage is told, and whom it tells. */
interface Stage {
  device: string;
  size: Size & { demo: string[] };
  settings: Settings;
  tell: Tell;
  signal: AbortSignal;
}

function stageOf(signal: AbortSignal, tell: Tell): Stage {
  const device = Deno.env.get("FEDX_GPU_DEVICE") ?? "cpu";
  const size = SIZES[device];
  if (size === undefined) throw new Error(`Cannot run: expected FEDX_GPU_DEVICE cuda or cpu, got ${device}`);
  Deno.env.set("FEDX_EXE", resolve(Deno.env.get("FEDX_EXE") ?? "./fedx"));
  Deno.env.delete("FEDX_SHIM"); // the program's own is meant
  const threads = Math.max(1, Math.floor(cores() / SILOS.length));
  const settings = {
    training: [
      ...["--init", "random", "--seed", "0"],
      ...["--batch", String(size.batch), "--local-epochs", String(size.localEpochs)],
    ],
    computing: ["--device", device, "--threads", String(threads)],
  };
  return { device, size, settings, tell, signal };
}

/** The federation and what comes after it, on the films of the same hospitals. */
async function federation(stage: Stage, programs: Programs): Promise<void> {
  const { size } = stage;
  await makeHospitals(programs, import.meta.url, size);
  const { degraded, missing, test, model } = await federate(programs, stage);
  const complete = { name: "degraded", value: String(degraded), bound: "false", ok: !degraded };
  programs.tell(degraded ? { ...complete, reason: `missing: ${JSON.stringify(missing)}` } : complete);
  programs.tell(aurocFigure("AUROC, federated, as the silos told it", test.stratified));
  await Promise.all([
    score(programs, { model, told: test.stratified, stage }),
    predict(programs, { films: size.train + size.val + size.test, stage }),
    doctor(programs, stage),
  ]);
}

/** `evaluate` on all hospitals' films. */
async function score(
  programs: Programs,
  { model, told, stage }: { model: string; told: number | null; stage: Stage },
): Promise<void> {
  const shards = SILOS.flatMap((silo) => ["--shard", `shard-${silo}`]);
  const args = ["evaluate", "--model", model, ...shards, ...stage.settings.computing];
  const { stratified } = await programs.run("evaluate", args) as { stratified: number | null };
  programs.tell(aurocFigure("AUROC, federated, by evaluate", stratified));
  if (told === null || stratified === null) return;
  const apart = rounded(Math.abs(stratified - told));
  programs.tell({ name: "between the two", value: apart, bound: `≤ ${APART}`, ok: apart <= APART });
}

/** `predict` with a hospital's own copy of the model on its films, as files. */
async function predict(programs: Programs, { films, stage }: { films: number; stage: Stage }): Promise<void> {
  const [silo] = SILOS;
  const args = ["predict", "--model", `state/${silo}/model.safetensors`, "--images", `films-${silo}/images`];
  const { images, failed } = await programs.run("predict", [
    ...[...args, "--out", "scores.csv", ...stage.settings.computing],
  ]) as { images: number; failed: number };
  const scored = images - failed;
  programs.tell({
    name: "films scored by predict",
    value: scored,
    bound: String(films),
    ok: scored === films,
  });
}

/** What a hospital is told before its first run; its speed is measured beside others here, and not kept. */
async function doctor(programs: Programs, { settings }: Stage): Promise<void> {
  const [silo] = SILOS;
  const role = [
    "--silo",
    silo,
    "--tls",
    `tls-${silo}`,
    "--shard",
    `shard-${silo}`,
    "--state",
    `state/${silo}`,
  ];
  const { checks } = await programs.run("doctor", ["doctor", ...role, ...settings.computing]) as {
    checks: { name: string; ok: boolean | null; detail: string }[];
  };
  for (const { name, detail } of checks) {
    if (name === "gpu") programs.tell({ name: "what doctor says of the GPU", value: detail });
  }
  const open = checks.filter(({ ok }) => ok === null).map(({ name }) => name);
  programs.tell({ name: "what doctor could not look at", value: open.join(", ") || "nothing" });
}

/** `fedx demo` in a folder of its own. */
async function demo({ device, size, signal }: Stage, programs: Programs): Promise<void> {
  const args = ["demo", "--out", "demo", "--init", "random", "--device", device, ...size.demo];
  const figures = new RunFigures({ silos: SILOS, device, batch: preset("default").batch });
  const { seconds, test, degraded, rounds } = await watched(
    programs.run("demo", args),
    { figures, events: "demo/state/aggregator/events.jsonl", programs, signal },
  ) as {
    seconds: Record<string, number>;
    test: Record<string, number | null>;
    degraded: boolean;
    rounds: number;
  };
  for (const figure of figures.end(rounds)) programs.tell(figure);
  for (const [phase, took] of Object.entries(seconds)) {
    programs.tell({ name: `the demo's ${phase}`, value: rounded(took), unit: "s" });
  }
  programs.tell({ name: "degraded", value: String(degraded), bound: "false", ok: !degraded });
  programs.tell(aurocFigure("AUROC, federated", test.stratified));
  programs.tell(aurocFigure("AUROC, alone", test.local_stratified));
}

function aurocFigure(name: string, value: number | null): Measured {
  if (value === null) return { name, value, ok: false, reason: "no hospital has one" };
  return { name, value: rounded(value) };
}

/** Does a part; what it fails of is a figure, and the next part is done all the same. */
async function attempt(
  stage: Stage,
  group: string,
  part: (stage: Stage, programs: Programs) => Promise<void>,
): Promise<boolean> {
  const began = performance.now();
  const { tell } = stage;
  try {
    stage.signal.throwIfAborted();
    await using programs = new Programs({ ...stage, group });
    await part(stage, programs);
    return true;
  } catch (error) {
    tell({ group, name: "to its end", value: null, ok: false, reason: (error as Error).message });
    return false;
  } finally {
    tell({ group, name: "seconds in all", value: secondsSince(began), unit: "s" });
  }
}

async function main(): Promise<number> {
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
  }
  const tell = (one: Figure) => {
    append(one);
    console.log(JSON.stringify(one));
  };
  const stage = stageOf(stop.signal, tell);
  await Deno.mkdir("logs", { recursive: true });
  const { size, batch } = stage.size;
  const federated = await attempt(stage, `federation, ${size} px, batch ${batch}`, federation);
  const shown = await attempt(stage, "demo", demo);
  return federated && shown ? 0 : 1;
}

if (!drawIfWorker()) Deno.exit(await main());
