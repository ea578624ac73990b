/**
 * What compiling and linking native/device/cuda.cpp takes: CUDA's headers and its runtime library, those of this machine
 * or, where there are none, two small wheels in the cache; and, to try it out, a PyTorch with its CUDA libraries.
 */
import { exists } from "../src/files/exists.ts";
import { cacheDir, cudaVersion } from "../src/shim/libtorch/find.ts";
import { pipDownload } from "../src/shim/libtorch/pip.ts";
import { type UnpackRules, unpackWheel } from "../src/shim/libtorch/wheel.ts";
import { refusal } from "../src/refusal.ts";
import { type CudaHere, type CudaPlaces, CUDART, findCuda, MAJOR } from "./cuda_here.ts";
import type { Progress } from "./progress.ts";

const INCLUDE: UnpackRules = { "nvidia/cu13/include/": "include/" };
const WHEELS: Record<string, UnpackRules> = {
  "nvidia-cuda-runtime==13.0.96": { ...INCLUDE, [`nvidia/cu13/lib/${CUDART}`]: `lib/${CUDART}` },
  "nvidia-cuda-crt==13.0.88": INCLUDE,
};

const LIBRARIES = ["libc10.so", "libc10_cuda.so", "libtorch_cpu.so", "libtorch_cuda.so", "libgomp.so.1"];
const TORCH_FILES: UnpackRules = {
  ...Object.fromEntries(LIBRARIES.map((name) => [`torch/lib/${name}`, `lib/${name}`])),
  "torch/version.py": "version.py",
  "torch/include/": "include/",
};

/** What the compiler and the linker need. */
export interface CudaParts {
  /** Folder of the headers. */
  include: string;
  /** Path of libcudart. */
  cudart: string;
  /** Where the headers are from, such as "in /usr/local/cuda/include". */
  source: string;
}

/** How to come by them. */
export interface CudaOptions extends CudaPlaces {
  /** Whether what is not on this machine may be fetched. @default true */
  fetch?: boolean;
}

/**
 * Finds or fetches them.
 *
 * @throws {Error} one sentence with the remedy: something is missing, and may not or cannot be fetched
 */
export async function cudaParts(libtorch: string, options: CudaOptions = {}): Promise<CudaParts> {
  const { fetch = true, ...places } = options;
  const here = await findCuda(libtorch, places);
  const { include, cudart } = here;
  if (include !== null && cudart !== null) return { include, cudart, source: `in ${include}` };
  const dir = `${cacheDir()}/cuda/${MAJOR}`;
  if (!fetch && !await exists(dir)) throw missing(here);
  const fetched = await intoCache(dir, async (tree, work) => {
    for (const [spec, rules] of Object.entries(WHEELS)) await fetchWheel(spec, { tree, work, rules });
  });
  const cached = fetched ? "fetched through pip" : "in the cache";
  return {
    include: include ?? `${dir}/include`,
    cudart: cudart ?? `${dir}/lib/${CUDART}`,
    source: include === null ? cached : `in ${include}`,
  };
}

function missing({ include, others }: CudaHere): Error {
  return refusal(Error, {
    what: "Cannot build the engine for the GPU",
    expected:
      `${
        include === null ? `the headers of CUDA ${MAJOR}` : CUDART
      } in CUDA_HOME, in the toolkit of nvcc on ` +
      "PATH, in /usr/local/cuda or beside torch among python3's packages",
    got: include === null && others.length > 0 ? others.join(", ") : "none",
    remedy: `install the toolkit of CUDA ${MAJOR}, or name its folder in CUDA_HOME`,
  });
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
