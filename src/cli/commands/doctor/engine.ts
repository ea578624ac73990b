// Why: a libtorch of another version than the shim's ends a run at its first step; here it ends the doctor's second line.
import { findDriver, isCudaBuild } from "../../../shim/libtorch/flavour.ts";
import { findLibtorch, type Libtorch } from "../../../shim/libtorch/find.ts";
import { findLibraries, type Libraries, REMEDY, tryLibraries } from "../../../model/libraries.ts";
import { bad, type Check, failed, good, open } from "./check.ts";

/** How the engine's parts are found and opened. */
export interface EngineParts {
  find(): Promise<Libtorch | null>;
  libraries(): Promise<Libraries>;
  open(libraries: Libraries): { build: string; torch: string };
}

/** The parts of this installation. */
export const PARTS: EngineParts = { find: findLibtorch, libraries: findLibraries, open: tryLibraries };

/** Finds libtorch and opens it with the shim; `libraries` is null when training is not possible. */
export async function checkEngine(
  parts: EngineParts = PARTS,
): Promise<{ checks: Check[]; libraries: Libraries | null; libtorch: Libtorch | null }> {
  const checks: Check[] = [];
  const stop = (check: Check, libtorch: Libtorch | null = null) => ({
    checks: [...checks, check, ...checks.length === 0 ? [open("engine", "not opened without libtorch")] : []],
    libraries: null,
    libtorch,
  });
  let found: Libtorch | null;
  try {
    found = await parts.find();
  } catch (error) {
    return stop(failed("libtorch", error, "name the folder that holds lib/ in FEDX_LIBTORCH, or unset it"));
  }
  if (found === null) {
    const places = "none in FEDX_LIBTORCH, the cache or python3";
    return stop(bad("libtorch", places, REMEDY));
  }
  checks.push(good("libtorch", `${found.version} from ${found.source} (${found.dir})`));
  try {
    const libs = await parts.libraries();
    const { build, torch } = parts.open(libs);
    checks.push(good("engine", `build ${build}, for libtorch ${torch}`));
    return { checks, libraries: libs, libtorch: found };
  } catch (error) {
    return stop(failed("engine", error, REMEDY), found);
  }
}

/** What there is of a GPU. */
export interface GpuFacts {
  /** The driver's libcuda and version, or null. */
  libcuda: string | null;
  driver: string | null;
  /** /dev/nvidia0; null when it may not be looked at. */
  device: boolean | null;
  /** Whether the libtorch found computes on one. */
  cuda: boolean;
}

/** Looks for a driver and its device. */
export async function readGpu(libtorch: Libtorch | null): Promise<GpuFacts> {
  const libcuda = await findDriver();
  // Its link's target names the driver's version.
  const target = libcuda === null ? "" : await Deno.realPath(libcuda).catch(() => "");
  const driver = /libcuda\.so\.(\d+\.\d+(?:\.\d+)?)$/.exec(target)?.[1] ?? null;
  const device = await Deno.stat("/dev/nvidia0").then(
    () => true,
    (error) => error instanceof Deno.errors.NotFound ? false : null,
  );
  const cuda = libtorch !== null && await isCudaBuild(libtorch.dir);
  return { libcuda, driver, device, cuda };
}

/** Whether what the operator asks for (`--device`) is there. */
export function checkGpu(facts: GpuFacts, asked: string): Check {
  const { libcuda, driver, device, cuda } = facts;
  const present = libcuda !== null && device !== false;
  const parts = [
    libcuda === null ? "no libcuda" : `driver ${driver ?? "of unknown version"}`,
    device === null
      ? "device files not looked at (they need more permissions)"
      : device
      ? "a device"
      : "no device",
    cuda ? "libtorch with CUDA" : "libtorch without CUDA",
  ].join(", ");
  if (asked === "cpu") return good("gpu", `${parts}: not asked for`);
  if (present && cuda) return good("gpu", parts);
  if (asked !== "cuda") {
    return good("gpu", `${parts}: computes on the CPU`);
  }
  if (libcuda === null) {
    return bad(
      "gpu",
      parts,
      "install the NVIDIA driver (nvidia-smi must list the GPU), or take --device cpu",
    );
  }
  return device === false
    ? bad("gpu", parts, "let this process see /dev/nvidia* (containers: --gpus all), or take --device cpu")
    : bad("gpu", parts, "name a libtorch with CUDA in FEDX_LIBTORCH, or take --device cpu");
}
