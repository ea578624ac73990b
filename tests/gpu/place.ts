/**
 * Where the checks of a GPU run. With FEDX_GPU_DEVICE=cuda on the GPU, and one must be there; with `cpu` on the CPU,
 * which takes the GPU's place with the steps that a GPU runs, bf16 for fp16 and small sizes. Without the variable on
 * the GPU where one is.
 */
import { cores } from "../../src/model/libraries.ts";
import { Engine, type EngineConfig, type Libraries, NativeError } from "../../src/model/engine.ts";
import { preset, type Recipe } from "../../src/model/recipe.ts";
import { preprocessingOf } from "../../src/model/weights/model_file.ts";
import { figure } from "../../tools/gpu/figures.ts";
import { flavourOf } from "../../src/shim/libtorch/flavour.ts";
import { libraries, libtorchDir } from "../testing/libraries.ts";

/** How much work the checks do. */
export interface Scale {
  /** Pixels a side, and films a step. */
  size: number;
  batch: number;
  /** Films to train with, and to score. */
  films: number;
  scored: number;
  /** Half the height of their stripes, grey levels: the fewer the steps, the plainer. */
  stripes: number;
}

const ON_GPU: Scale = { size: 64, batch: 16, films: 512, scored: 256, stripes: 15 };
const ON_CPU: Scale = { size: 32, batch: 8, films: 64, scored: 64, stripes: 50 };

/** What differs from engine to engine; `recipe` replaces numbers of the preset `default`. */
export type Changes = Omit<Partial<EngineConfig>, "recipe"> & { recipe?: Partial<Recipe> };

/** A device that computes as a GPU does, beside the CPU that it is compared with. */
export interface Place {
  libs: Libraries;
  gpu: boolean;
  /** The lower precision that needs loss scaling; the CPU refuses fp16. */
  half: "fp16" | "bf16";
  scale: Scale;
  /** Makes an engine on the GPU, or on what takes its place. */
  engine(changes?: Changes): Promise<Engine>;
  /** Makes one that computes with the CPU's own loops. */
  cpuEngine(changes?: Changes): Promise<Engine>;
}

let place: Promise<Place | null> | undefined;

/**
 * The place, or null, with the reason printed, where the checks are to be skipped. Call it at a test file's top level:
 * libraries that are opened inside a test count as its leak.
 *
 * @param options.always on the CPU rather than nowhere: for checks that are worth it in every run of the tests
 * @throws Error FEDX_GPU_DEVICE is cuda and no GPU works
 */
export function findPlace(options: { always?: boolean } = {}): Promise<Place | null> {
  return place ??= look(options);
}

async function look({ always }: { always?: boolean }): Promise<Place | null> {
  const asked = Deno.env.get("FEDX_GPU_DEVICE");
  if (asked === "cpu") return placeOf(await libraries(), false);
  const why = await whyNoGpu();
  if (why === null) return placeOf(await libraries(), true);
  if (asked !== undefined) {
    figure({ group: "GPU", name: "an engine on it", value: null, ok: false, reason: why });
    throw new Error(why);
  }
  if (always) return placeOf(await libraries(), false);
  console.log(`tests/gpu: skipped: ${why}`);
  return null;
}

/** Why no engine can be made on a GPU; null where one can. Opens nothing where there is no driver. */
async function whyNoGpu(): Promise<string | null> {
  if (await flavourOf(await libtorchDir()) === "cpu") {
    return "expected a GPU, got a libtorch without CUDA or no NVIDIA driver";
  }
  const { engine } = placeOf(await libraries(), true);
  try {
    using _engine = await engine();
    return null;
  } catch (error) {
    if (error instanceof NativeError && ["not_built", "device"].includes(error.code)) return error.message;
    throw error;
  }
}

function placeOf(libs: Libraries, gpu: boolean): Place {
  const scale = gpu ? ON_GPU : ON_CPU;
  const make = ({ recipe, ...changes }: Changes) =>
    Engine.create({
      network: "efficientnet_b0",
      size: scale.size,
      channels: 1,
      device: "cpu",
      precision: "fp32",
      threads: cores(),
      seed: 3,
      silo: 1,
      recipe: preset("default", { batch: scale.batch, ...recipe }),
      classWeights: [1, 1],
      preprocessing: preprocessingOf(1),
      ...changes,
    }, libs);
  return {
    ...{ libs, gpu, half: gpu ? "fp16" : "bf16", scale },
    engine: (changes = {}) => make({ device: gpu ? "cuda" : "cpu", portable: !gpu, ...changes }),
    cpuEngine: (changes = {}) => make({ ...changes, device: "cpu" }),
  };
}
