/**
 * The stage `machine`: says what is there, then builds the engine against the PyTorch found and packs ./fedx anew with it.
 * Part of the archive; what cannot be found out is a figure without a value, and only a build that fails ends the stage.
 */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { refusal } from "../../src/refusal.ts";
import { readVersion } from "../../src/shim/libtorch/find.ts";
import { runPython } from "../../src/shim/libtorch/python.ts";
import { compilerVersion } from "../compiler.ts";
import { rebuild } from "../rebuild.ts";
import { type Figure, figure, parseFigures } from "./figures.ts";
import { findTorch, type Torch } from "./torch.ts";

/** One value, or why there is none. */
async function fact(group: string, name: string, find: () => Promise<Figure["value"]>, unit?: string) {
  const found = await find().then(
    (value) => ({ value }),
    (error) => ({ value: null, reason: String(error.message ?? error) }),
  );
  figure({ group, name, ...found, ...unit === undefined ? {} : { unit } });
}

/** The value after `key` in a file of lines such as `model name : …`. */
async function entry(path: string, key: string): Promise<string> {
  const text = await Deno.readTextFile(path);
  const found = text.split("\n").find((line) => line.startsWith(key));
  if (found === undefined) throw new Error(`${path} has no ${key}`);
  return found.slice(found.indexOf(":") + 1).trim();
}

async function driverVersion(): Promise<string> {
  const text = await Deno.readTextFile("/proc/driver/nvidia/version");
  return /Kernel Module.*?(\d+\.\d+[.\d]*)/.exec(text)?.[1] ?? text.split("\n")[0];
}

async function tellFacts(root: string): Promise<void> {
  const machine = "machine";
  await fact(machine, "CPU", () => entry("/proc/cpuinfo", "model name"));
  await fact(machine, "cores", () => Promise.resolve(navigator.hardwareConcurrency));
  const kilobytes = async () => parseInt(await entry("/proc/meminfo", "MemTotal"));
  await fact(machine, "memory", async () => Math.round(await kilobytes() / 2 ** 20 * 10) / 10, "GiB");
  await fact(machine, "kernel", () => Promise.resolve(Deno.osRelease()));
  await fact(machine, "g++", compilerVersion);
  if (Deno.env.get("FEDX_GPU_DEVICE") === "cuda") await fact(machine, "NVIDIA driver", driverVersion);
  const python = Deno.env.get("FEDX_PYTHON") || "python3";
  // At once: a driver that hangs takes away only what it has not told by then.
  const onLine = (line: string) => {
    if (line.startsWith('{"group": ')) parseFigures(`${line}\n`).forEach(figure);
    else console.error(line);
  };
  const told = runPython([`${root}/gpu/facts.py`], { python, onLine });
  await told.catch((error) =>
    figure({ group: "versions", name: "Python", value: null, reason: error.message })
  );
}

/** A run for a GPU on a machine without one would measure something else. */
function refuseWithoutGpu({ flavour, libtorch }: Torch): void {
  if (flavour === "cuda" || Deno.env.get("FEDX_GPU_DEVICE") !== "cuda") return;
  throw refusal(Error, {
    what: "Cannot build the engine for a GPU",
    expected: "the NVIDIA driver, and a PyTorch that was built for CUDA",
    got: `not both (PyTorch in ${libtorch})`,
    remedy: "--rehearse runs everything on the CPU",
  });
}

/** Does it all in the archive's folder. What cannot be told of the machine does not keep the engine from being built. */
async function main(root: string): Promise<void> {
  const facts = tellFacts(root); // importing torch may take long, and the compilers need not wait for it
  await build(root).finally(() => facts);
}

async function build(root: string): Promise<void> {
  const torch = await findTorch();
  figure({ group: "versions", name: "libtorch", value: await readVersion(torch.libtorch) });
  refuseWithoutGpu(torch);
  const { shim, build, seconds } = await rebuild(`${root}/fedx`, dirname(Deno.execPath()));
  const tell = (name: string, value: Figure["value"], unit?: string) =>
    figure({ group: "engine", name, value, ...unit === undefined ? {} : { unit } });
  tell("built for", torch.flavour === "cuda" ? "GPU and CPU" : "CPU");
  tell("build of the engine", shim.build);
  tell(
    "compiled and linked in",
    shim.built ? round(shim.seconds) : "up to date",
    shim.built ? "s" : undefined,
  );
  tell("engine", (await Deno.stat(shim.path)).size / 1024 | 0, "KiB");
  tell("packed into ./fedx in", round(seconds - shim.seconds), "s");
  tell("build of ./fedx", build);
}

const round = (seconds: number) => Math.round(seconds * 10) / 10;

if (import.meta.main) {
  try {
    await main(dirname(dirname(fileURLToPath(import.meta.url))));
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    Deno.exit(1);
  }
}
