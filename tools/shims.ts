/**
 * The engines that the one file carries: for machines without a GPU and for those with one, both for the same PyTorch.
 * The GPU's is compiled and linked without a GPU or nvcc; where what it takes (1 GB) cannot be had, the file does
 * without.
 */
import { readVersion } from "../src/shim/libtorch/find.ts";
import { isCudaBuild } from "../src/shim/libtorch/flavour.ts";
import { makeEngine } from "./bootstrap.ts";
import { cudaLibtorch } from "./cuda.ts";
import { buildShim, type NativeBuild } from "./native.ts";
import type { Progress } from "./progress.ts";

/** Builds what is not up to date. Throws one sentence with the remedy. */
export async function makeShims(progress: Progress): Promise<NativeBuild[]> {
  const libtorch = await makeEngine();
  const build = async (dir: string, flavour: "cpu" | "cuda") =>
    await buildShim({
      ...{ libtorch: dir, flavour },
      onProgress: ({ done, total, file }) =>
        progress.update(`shim (${flavour}): compiling, ${done} of ${total} done (${file})`),
    });
  const shims = [await build(libtorch.dir, "cpu")];
  try {
    const version = (await readVersion(libtorch.dir)).split("+")[0];
    const whole = await isCudaBuild(libtorch.dir);
    shims.push(await build(whole ? libtorch.dir : await cudaLibtorch(version, progress), "cuda"));
    progress.line("shims: for the CPU and for the GPU");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    progress.line(`shim for the CPU only: ${why}`);
  }
  return shims;
}
