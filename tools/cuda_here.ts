/**
 * What of CUDA lies on this machine: the headers that native/device/cuda.cpp is compiled with, and the runtime library
 * that it is linked with. Starts no program, since rebuild.sh may run python3 and g++ alone.
 *
 * Why any libcudart of the same major version will do for linking: the shim asks for it by name, and of that name the
 * process has the one that libtorch brought when it was opened, before the shim.
 */
import { exists, readTextIfThere } from "../src/files/exists.ts";

/** The one CUDA that the GPU build is made for; PyTorch 2.11 to 2.13 on the default index are built with it. */
export const MAJOR = 13;
export const CUDART = `libcudart.so.${MAJOR}`;

/** What cuda.cpp includes, by way of libtorch's headers. */
const NEEDED = ["cuda.h", "cuda_runtime.h", "crt/host_config.h"];

/** What was found. */
export interface CudaHere {
  /** Folder of the headers; null for none of the right version. */
  include: string | null;
  /** Path of the runtime library; null for none. */
  cudart: string | null;
  /** Headers that were passed over, such as "CUDA 12.8 in /usr/local/cuda/include". */
  others: string[];
}

/** Where to look; tests name folders of their own. */
export interface CudaPlaces {
  /** @default this process's */
  env?: Partial<Record<string, string>>;
  /** The toolkit's usual folder. @default "/usr/local/cuda" */
  usual?: string;
}

/**
 * Looks through the toolkits (CUDA_HOME, CUDA_PATH, that of `nvcc` on PATH, the usual folder), then through what pip
 * has put beside torch: NVIDIA's own packages, and triton's, which torch needs and which has all the headers.
 *
 * @param libtorch folder that holds lib/, pip's `torch` or any other
 */
export async function findCuda(libtorch: string, places: CudaPlaces = {}): Promise<CudaHere> {
  const toolkits = await toolkitsOf(places);
  const beside = `${libtorch}/..`;
  const includes = [
    ...toolkits.flatMap((root) => [`${root}/include`, `${root}/targets/x86_64-linux/include`]),
    `${beside}/nvidia/cu${MAJOR}/include`,
    `${beside}/triton/backends/nvidia/include`,
  ];
  // The first two are where libtorch itself finds it.
  const libraries = [
    ...[`${beside}/nvidia/cu${MAJOR}/lib`, `${libtorch}/lib`],
    ...toolkits.flatMap((root) => [`${root}/lib64`, `${root}/targets/x86_64-linux/lib`, `${root}/lib`]),
    "/usr/lib/x86_64-linux-gnu",
  ];
  const others: string[] = [];
  let include: string | null = null;
  for (const folder of includes) {
    const version = await headersVersion(folder);
    if (version?.split(".")[0] === String(MAJOR)) {
      include = folder;
      break;
    }
    if (version !== null) others.push(`CUDA ${version} in ${folder}`);
  }
  return { include, cudart: await firstWith(libraries, CUDART), others };
}

/** Version of the headers in a folder, such as "13.0"; null where one that is needed is missing. */
async function headersVersion(folder: string): Promise<string | null> {
  const text = await readTextIfThere(`${folder}/cuda_runtime_api.h`).catch(() => null);
  const number = Number(/^#define CUDART_VERSION +(\d+)/m.exec(text ?? "")?.[1]);
  if (!number) return null;
  for (const name of NEEDED) if (!await exists(`${folder}/${name}`)) return null;
  return `${Math.floor(number / 1000)}.${number % 1000 / 10}`;
}

/** Roots of the toolkits that may be there. */
async function toolkitsOf(
  { env = Deno.env.toObject(), usual = "/usr/local/cuda" }: CudaPlaces,
): Promise<string[]> {
  const folders = (env.PATH ?? "").split(":").filter((folder) => folder.startsWith("/"));
  const nvcc = await firstWith(folders, "nvcc");
  const compiler = nvcc && await Deno.realPath(nvcc);
  const roots = [env.CUDA_HOME, env.CUDA_PATH, compiler?.replace(/\/bin\/nvcc$/, ""), usual];
  return [...new Set(roots.filter((root) => root !== undefined && root !== ""))] as string[];
}

/** Path of the first file of that name in these folders; null for none. */
async function firstWith(folders: readonly string[], name: string): Promise<string | null> {
  for (const folder of folders) if (await exists(`${folder}/${name}`)) return `${folder}/${name}`;
  return null;
}
