// Why: the command line is the only place that knows where libtorch and the shim lie and how many cores there are.
import { fileURLToPath } from "node:url";
import type { Libraries } from "./engine.ts";
import { flavourOf, shimFile } from "../shim/libtorch/flavour.ts";
import { findLibtorch, rememberLibtorch, TORCH_VERSION } from "../shim/libtorch/find.ts";

/** How a user gets what the engine needs: the one file carries the shim, a clone fetches and builds. */
export const REMEDY = Deno.build.standalone || import.meta.url.endsWith(".js")
  ? `name a libtorch in FEDX_LIBTORCH, or install one: python3 -m pip install torch==${TORCH_VERSION}`
  : "run `npx -y deno@2.9.3 task build` once, or name a libtorch in FEDX_LIBTORCH";

/** The most threads that the engine takes. */
const MOST_THREADS = 256;

/**
 * The libraries of the training engine.
 *
 * @throws {Error} naming the command that fetches and builds them.
 */
export async function libraries(): Promise<Libraries> {
  const found = await findLibtorch();
  if (!found) {
    throw new Error(
      `Cannot find libtorch: expected it in FEDX_LIBTORCH, the cache or python3, got none; ${REMEDY}.`,
    );
  }
  await rememberLibtorch(found);
  const flavour = await flavourOf(found.dir);
  const shim = Deno.env.get("FEDX_SHIM") ??
    fileURLToPath(new URL(`../../native/build/${shimFile(flavour)}`, import.meta.url));
  const there = await Deno.stat(shim).then(() => true, () => false);
  if (there) return { libtorch: found.dir, shim };
  const remedy = flavour === "cuda"
    ? "build it here (rebuild.sh of the archive), or name a libtorch for the CPU in FEDX_LIBTORCH"
    : REMEDY;
  throw new Error(`Cannot find the engine: expected ${shim}, got none; ${remedy}.`);
}

/** The cores that this process may use, at most 256: the machine's, or fewer where its cgroup has a quota. */
export function cores(): number {
  return Math.min(MOST_THREADS, navigator.hardwareConcurrency || 1);
}
