/**
 * `deno task check:cuda`: compiles and links the GPU build on a machine that needs neither a GPU nor nvcc, against the
 * oldest and the newest PyTorch that it is written for. Nothing of it is run.
 */
import { fileURLToPath } from "node:url";
import { MINOR } from "../src/shim/libtorch/find.ts";
import { shimFile } from "../src/shim/libtorch/flavour.ts";
import { cudaLibtorch, cudaOf, cudaParts } from "./cuda.ts";
import { buildShim } from "./native.ts";
import { Progress } from "./progress.ts";

const TORCHES = [MINOR.oldest, MINOR.newest].map((minor) => `2.${minor}.0`);
const OUT = fileURLToPath(new URL("../native/build/check/", import.meta.url));

/** Does it all, one line on stderr for each thing done; throws one sentence with the remedy. */
export async function checkCuda(): Promise<void> {
  const progress = new Progress();
  for (const version of TORCHES) {
    const libtorch = await cudaLibtorch(version, progress);
    const cuda = await cudaOf(libtorch);
    progress.line(`CUDA headers: ${(await cudaParts(libtorch)).source}`);
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
