// Why: that a driver and its device lie there says little; whether the engine computes on it shows when it is tried.
import { findDriver, isCudaBuild } from "../../../shim/libtorch/flavour.ts";
import type { Libtorch } from "../../../shim/libtorch/find.ts";
import { Engine, type Libraries } from "../../../model/engine.ts";
import { preset } from "../../../model/recipe.ts";
import { preprocessingOf } from "../../../model/weights/model_file.ts";
import { bad, type Check, failed, good } from "./check.ts";

/** What there is of a GPU. */
export interface GpuFacts {
  /** The driver's libcuda and version, or null. */
  libcuda: string | null;
  driver: string | null;
  /** Whether the libtorch found computes on one. */
  cuda: boolean;
}

/** Looks for a driver. */
export async function readGpu(libtorch: Libtorch | null): Promise<GpuFacts> {
  const libcuda = await findDriver();
  // Its link's target names the driver's version.
  const target = libcuda === null ? "" : await Deno.realPath(libcuda).catch(() => "");
  const driver = /libcuda\.so\.(\d+\.\d+(?:\.\d+)?)$/.exec(target)?.[1] ?? null;
  return { libcuda, driver, cuda: libtorch !== null && await isCudaBuild(libtorch.dir) };
}

/** Makes a small engine on the GPU; says what the engine says that it computes on, such as "cuda NVIDIA H100". */
export async function tryGpu(libraries: Libraries): Promise<string> {
  using engine = await Engine.create({
    ...{ network: "efficientnet_b0", size: 32, channels: 1, preprocessing: preprocessingOf(1) },
    ...{ device: "cuda", precision: "auto", threads: 1, seed: 0, silo: 0 },
    recipe: preset("default"),
    classWeights: [1, 1],
  }, libraries);
  return engine.info.device;
}

/**
 * Whether what the operator asks for (`--device`) is there; `used` where it computes on the GPU.
 *
 * @param attempt tries the GPU; null where there is no engine to try it with
 */
export async function checkGpu(
  facts: GpuFacts,
  asked: string,
  attempt: (() => Promise<string>) | null,
): Promise<{ check: Check; used: boolean }> {
  const { libcuda, driver, cuda } = facts;
  const detail = [
    libcuda === null ? "no libcuda" : `driver ${driver ?? "of unknown version"}`,
    cuda ? "libtorch with CUDA" : "libtorch without CUDA",
  ].join(", ");
  const unused = (check: Check) => ({ check, used: false });
  if (asked === "cpu") return unused(good("gpu", `${detail}: not asked for`));
  const there = libcuda !== null && cuda;
  if (there && attempt === null) return unused(good("gpu", `${detail}: not tried without the engine`));
  if (there) return await tried(detail, asked, attempt!);
  if (asked !== "cuda") return unused(good("gpu", `${detail}: computes on the CPU`));
  const missing = libcuda === null
    ? "install the NVIDIA driver (nvidia-smi must list the GPU)"
    : "name a libtorch with CUDA in FEDX_LIBTORCH";
  return unused(bad("gpu", detail, `${missing}, or take --device cpu`));
}

async function tried(detail: string, asked: string, attempt: () => Promise<string>) {
  try {
    return { check: good("gpu", `${detail}: computes on ${await attempt()}`), used: true };
  } catch (error) {
    const check = failed(
      "gpu",
      error,
      "see that nvidia-smi lists the GPU (containers: --gpus all), or take --device cpu",
    );
    // Without --device cuda the CPU takes its place, which nobody should have to guess.
    const warning = good("gpu", `computes on the CPU: ${check.detail}`, check.remedy);
    return { check: asked === "cuda" ? check : warning, used: false };
  }
}
