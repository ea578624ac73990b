/**
 * Puts a shim for this machine's PyTorch into the one file beside it. Part of the archive of `task bundle`, whose
 * rebuild.sh runs it with the runtime that the one file carries; fetches nothing.
 */
import { fileURLToPath } from "node:url";
import { findLibtorch, type Libtorch, VERSIONS } from "../src/shim/libtorch/find.ts";
import { compilerVersion } from "./compiler.ts";
import { buildShim, type NativeBuild } from "./native.ts";
import { pack, unpackTable } from "./pack.ts";
import { shimParts } from "./parts.ts";
import { Progress } from "./progress.ts";

/** A libtorch with its headers. */
async function torchHere(): Promise<Libtorch> {
  const found = await findLibtorch({ headers: true });
  if (found !== null) return found;
  throw new Error(
    `Cannot rebuild the shim: expected ${VERSIONS} with its headers in FEDX_LIBTORCH, the cache or python3, ` +
      "got none; set FEDX_LIBTORCH to the folder that holds lib/ and include/.",
  );
}

/** What came of it. */
export interface Rebuilt {
  shim: NativeBuild;
  /** What the one file now calls itself. */
  build: string;
  seconds: number;
}

/**
 * Builds the shim and packs the one file anew.
 *
 * @param file the one file, which is replaced
 * @param unpacked the folder into which it has unpacked itself
 */
export async function rebuild(
  file: string,
  unpacked: string,
  progress = new Progress(),
): Promise<Rebuilt> {
  const start = performance.now();
  await compilerVersion();
  const libtorch = await torchHere();
  progress.line(`libtorch: ${libtorch.version} from ${libtorch.source} (${libtorch.dir})`);
  const shim = await buildShim({
    libtorch: libtorch.dir,
    fetch: false,
    onProgress: ({ done, total, file }) =>
      progress.update(`shim: compiling, ${done} of ${total} done (${file})`),
  });
  const { launcher, table } = await unpackTable(file);
  const kept = table.parts.filter(({ path }) => !path.startsWith("native/"));
  const parts = kept.map(({ path, mode }) => ({ path, mode, source: `${unpacked}/${path}` }));
  const { build } = await pack({ ...table, out: file, launcher, parts: [...parts, ...shimParts([shim])] });
  progress.line(`./fedx: build ${build} with the shim for libtorch ${libtorch.version}`);
  return { shim, build, seconds: (performance.now() - start) / 1000 };
}

if (import.meta.main) {
  try {
    await rebuild(fileURLToPath(new URL("../fedx", import.meta.url)), Deno.args[0]);
  } catch (error) {
    new Progress().line(error instanceof Error ? error.message : String(error));
    Deno.exit(1);
  }
}
