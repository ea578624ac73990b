/** The engine's two native libraries, libtorch and the shim: where they lie, whether they open, how many threads they get. */
import { fileURLToPath } from "node:url";
import { exists } from "../files/exists.ts";
import { refusal } from "../refusal.ts";
import { RUN_DENO } from "../version.ts";
import { type Libraries, openLibrary } from "../shim/library.ts";
import { flavourOf, shimFile } from "../shim/libtorch/flavour.ts";
import { findLibtorch, rememberLibtorch, TORCH_VERSION } from "../shim/libtorch/find.ts";

export type { Libraries } from "../shim/library.ts";

/** How a user gets what the engine needs: the one file carries the shim, a clone fetches and builds. */
export const REMEDY = Deno.build.standalone || import.meta.url.endsWith(".js")
  ? `name a libtorch in FEDX_LIBTORCH, or install one: python3 -m pip install torch==${TORCH_VERSION}`
  : `run \`${RUN_DENO} task build\` once, or name a libtorch in FEDX_LIBTORCH`;

/** The folder of the shims, in a clone and in the one file, whose bundle lies as deep as this module does. */
export const BUILT = fileURLToPath(new URL("../../native/build/", import.meta.url));

/** The most threads that the engine takes. */
const MOST_THREADS = 256;

/**
 * Finds the libraries on this machine; opens neither.
 *
 * @throws {Error} naming the command that fetches and builds them.
 */
export async function findLibraries(): Promise<Libraries> {
  const found = await findLibtorch();
  if (!found) {
    throw refusal(Error, {
      what: "Cannot find libtorch",
      expected: "it in FEDX_LIBTORCH, the cache or python3",
      got: "none",
      remedy: REMEDY,
    });
  }
  await rememberLibtorch(found);
  const flavour = await flavourOf(found.dir);
  const shim = Deno.env.get("FEDX_SHIM") ?? `${BUILT}${shimFile(flavour)}`;
  if (await exists(shim)) return { libtorch: found.dir, shim };
  const remedy = flavour === "cuda"
    ? "build it here (rebuild.sh of the archive), or name a libtorch for the CPU in FEDX_LIBTORCH"
    : REMEDY;
  throw refusal(Error, { what: "Cannot find the engine", expected: shim, got: "none", remedy });
}

/**
 * Opens the libraries without making an engine: gives the shim's build, and the libtorch that it was built for.
 *
 * @throws {NativeError} op "dlopen": a file is missing or damaged, or the shim belongs to another libtorch
 */
export function tryLibraries(libraries: Libraries): { build: string; torch: string } {
  const { build, torch } = openLibrary(libraries);
  return { build, torch };
}

/** The cores that this process may use, at most 256: the machine's, or fewer where its cgroup has a quota. */
export function cores(): number {
  return Math.min(MOST_THREADS, navigator.hardwareConcurrency || 1);
}
