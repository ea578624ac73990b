/**
 * Which of the two shims a machine runs: the one for the CPU, or the one that can use a GPU too.
 *
 * Why the driver decides as well: pip's usual wheel is a CUDA build, so libtorch_cuda.so lies on many machines that
 * have no GPU, and there it need not even open (cuDNN, cuBLAS and others may be missing).
 */

/** "cuda" works on the CPU too, where no GPU is visible. */
export type Flavour = "cpu" | "cuda";

/** Where the dynamic linker looks for the driver's library beside its cache; containers mount it in the third. */
const FOLDERS = ["/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/local/nvidia/lib64", "/usr/lib/wsl/lib"];
const DRIVER = "libcuda.so.1";

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
  if (!await exists(`${libtorch}/lib/libtorch_cuda.so`)) return "cpu";
  const named = (Deno.env.get("LD_LIBRARY_PATH") ?? "").split(":").filter((folder) => folder !== "");
  for (const folder of options.folders ?? [...named, ...FOLDERS]) {
    if (await exists(`${folder}/${DRIVER}`)) return "cuda";
  }
  return options.folders === undefined && await inLinkerCache() ? "cuda" : "cpu";
}

/** ld.so.cache lists file names between NUL bytes. */
async function inLinkerCache(): Promise<boolean> {
  const bytes = await Deno.readFile("/etc/ld.so.cache").catch(() => new Uint8Array(0));
  return new TextDecoder("latin1").decode(bytes).includes(`\0${DRIVER}\0`);
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
