/**
 * Which of the two shims a machine runs: the one for the CPU, or the one that can use a GPU too.
 *
 * Why the driver decides as well: pip's usual wheel is a CUDA build, so libtorch_cuda.so lies on many machines that
 * have no GPU, and there it need not even open (cuDNN, cuBLAS and others may be missing).
 */
import { exists } from "../../files/exists.ts";

/** "cuda" works on the CPU too, where no GPU is visible. */
export type Flavour = "cpu" | "cuda";

/** Where the dynamic linker looks for the driver's library beside its cache; containers mount it in the fourth. */
const FOLDERS = [
  "/usr/lib/x86_64-linux-gnu",
  "/usr/lib64",
  "/usr/lib",
  "/usr/local/nvidia/lib64",
  "/usr/lib/wsl/lib",
];
const DRIVER = "libcuda.so.1";

/** The file beside a shim with what `fedx --version` says about it. */
export function aboutShim(shim: string): string {
  return shim.replace(/\.so$/, ".json");
}

/** File name of the shim. */
export function shimFile(flavour: Flavour): string {
  return `libfedx-${flavour}.so`;
}

/**
 * "cuda" where libtorch is a CUDA build and the NVIDIA driver's library is found, else "cpu". Opens nothing.
 *
 * @param libtorch folder that holds lib/
 * @param options.folders where to look for the driver @default the linker's cache, LD_LIBRARY_PATH and the usual ones
 */
export async function flavourOf(libtorch: string, options: { folders?: string[] } = {}): Promise<Flavour> {
  return await isCudaBuild(libtorch) && await findDriver(options) !== null ? "cuda" : "cpu";
}

/** Whether a libtorch computes on a GPU where there is one. */
export async function isCudaBuild(libtorch: string): Promise<boolean> {
  return await exists(`${libtorch}/lib/libtorch_cuda.so`);
}

/**
 * The NVIDIA driver's library: its path, or its bare name where only the linker's cache has it; null for none.
 *
 * @param options.folders as of `flavourOf`
 */
export async function findDriver(options: { folders?: string[] } = {}): Promise<string | null> {
  const named = (Deno.env.get("LD_LIBRARY_PATH") ?? "").split(":").filter((folder) => folder !== "");
  for (const folder of options.folders ?? [...named, ...FOLDERS]) {
    if (await exists(`${folder}/${DRIVER}`)) return `${folder}/${DRIVER}`;
  }
  return options.folders === undefined && await inLinkerCache() ? DRIVER : null;
}

/** ld.so.cache lists file names between NUL bytes. */
async function inLinkerCache(): Promise<boolean> {
  const bytes = await Deno.readFile("/etc/ld.so.cache").catch(() => new Uint8Array(0));
  return new TextDecoder("latin1").decode(bytes).includes(`\0${DRIVER}\0`);
}
