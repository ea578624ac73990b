// Why: the command line is the only place that knows where libtorch and the shim lie and how many cores there are.
import { fileURLToPath } from "node:url";
import { exists } from "../files/exists.ts";
import { refusal } from "../refusal.ts";
import type { Libraries } from "./engine.ts";
import { RUN_DENO } from "../version.ts";
import { flavourOf, shimFile } from "../shim/libtorch/flavour.ts";
import { findLibtorch, rememberLibtorch, TORCH_VERSION } from "../shim/libtorch/find.ts";

/** How a user gets what the engine needs: the one file carries the shim, a clone fetches and builds. */
export const REMEDY = Deno.build.standalone || import.meta.url.endsWith(".js")
  ? `name a libtorch in FEDX_LIBTORCH, or install one: python3 -m pip install torch==${TORCH_VERSION}`
  : `run \`${RUN_DENO} task build\` once, or name a libtorch in FEDX_LIBTORCH`;

/** The folder of the shims, in a clone and in the one file, whose bundle lies as deep as this module does. */
export const BUILT = fileURLToPath(new URL("../../native/build/", import.meta.url));

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

/** The cores that this process may use, at most 256: the machine's, or fewer where its cgroup has a quota. */
export function cores(): number {
  return Math.min(MOST_THREADS, navigator.hardwareConcurrency || 1);
}
