/**
 * `deno task check:cuda`: compiles and links the GPU build on a machine that needs neither a GPU nor nvcc, against the
 * oldest and the newest PyTorch that it is written for. Nothing of it is run.
 *
 * About 1 GB a version stays in the cache: libtorch_cuda.so and libtorch_cpu.so to link against, and the headers.
 */
import { fileURLToPath } from "node:url";
import { cacheDir } from "../src/shim/libtorch.ts";
import { shimFile } from "../src/shim/flavour.ts";
import type { UnpackRules } from "../src/shim/wheel.ts";
import { cudaHeaders, cudaOf, fetchWheel, intoCache } from "./cuda_headers.ts";
import { buildShim } from "./native.ts";
import { Progress } from "./progress.ts";

const VERSIONS = ["2.11.0", "2.13.0"];
const LIBRARIES = ["libc10.so", "libc10_cuda.so", "libtorch_cpu.so", "libtorch_cuda.so", "libgomp.so.1"];
const RULES: UnpackRules = {
  ...Object.fromEntries(LIBRARIES.map((name) => [`torch/lib/${name}`, `lib/${name}`])),
  "torch/version.py": "version.py",
  "torch/include/": "include/",
};
const OUT = fileURLToPath(new URL("../native/build/check/", import.meta.url));

/** Folder of a PyTorch to link the GPU's shim against, fetched into the cache unless it is there. */
export async function cudaLibtorch(version: string, progress: Progress): Promise<string> {
  const libtorch = `${cacheDir()}/libtorch-cuda/${version}`;
  const fetched = await intoCache(
    libtorch,
    (tree, work) => fetchWheel(`torch==${version}`, { tree, work, rules: RULES }),
  );
  progress.line(`torch ${version} for CUDA: ${fetched ? "fetched through pip" : "in the cache"}`);
  return libtorch;
}

/** Does it all, one line on stderr for each thing done; throws one sentence with the remedy. */
export async function checkCuda(progress: Progress = new Progress()): Promise<void> {
  const headers = await cudaHeaders();
  progress.line(`CUDA headers: ${headers.fetched ? "fetched through pip" : "in the cache"}`);
  for (const version of VERSIONS) {
    const libtorch = await cudaLibtorch(version, progress);
    const cuda = await cudaOf(libtorch);
    const path = `${OUT}${version}/${shimFile("cuda")}`;
    const { built, seconds } = await buildShim({
      ...{ libtorch, flavour: "cuda", path },
      onProgress: ({ done, total, file }) => progress.update(`compiling, ${done} of ${total} done (${file})`),
    });
    const { size } = await Deno.stat(path);
    const how = built ? `compiled and linked in ${seconds.toFixed(0)} s` : "up to date";
    progress.line(
      `${shimFile("cuda")} for torch ${version}, CUDA ${cuda}: ${how}, ${size >> 10} KiB`,
    );
  }
}
