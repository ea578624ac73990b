import { readTextIfThere } from "../../files/exists.ts";
import { WIRE_VERSION } from "../../fed/protocol/messages.ts";
import { BUILT } from "../../model/libraries.ts";
import { aboutShim, shimFile } from "../../shim/libtorch/flavour.ts";
import { lastLibtorch, type Libtorch } from "../../shim/libtorch/find.ts";
import { VERSION } from "../../version.ts";
import type { Context } from "../context.ts";
import type { version } from "../options/table/version.ts";

/** A shim of the engine as tools/native.ts wrote it down when it was built. */
interface Shim {
  file: string;
  build: string;
  torch: string;
}

/** Prints what this program is made of; opens no library and starts no program, so that it answers at once. */
export async function run({ output }: Context<typeof version>): Promise<void> {
  const build = Deno.env.get("FEDX_BUILD") ?? null;
  const shims = await builtShims();
  const found = await lastLibtorch();
  const libtorch = found ? { version: found.version, folder: found.dir, source: found.source } : null;
  output.result(
    { fedx: VERSION, build, deno: Deno.version.deno, wire: WIRE_VERSION, shims, libtorch },
    [
      `fedx ${VERSION}, build ${build ?? "from source"}, wire ${WIRE_VERSION}`,
      `Deno ${Deno.version.deno}`,
      ...shims.map(({ build, torch, file }) => `shim ${build} for libtorch ${torch} (${file})`),
      ...shims.length === 0 ? ["no shim built yet"] : [],
      describe(found),
    ].join("\n"),
  );
}

function describe(found: Libtorch | null): string {
  if (!found) return "libtorch: none used yet";
  return `libtorch ${found.version} in ${found.dir} (${found.source})`;
}

async function builtShims(): Promise<Shim[]> {
  const texts = (["cpu", "cuda"] as const).map((flavour) =>
    readTextIfThere(`${BUILT}${aboutShim(shimFile(flavour))}`)
  );
  return (await Promise.all(texts)).filter((text) => text !== null).map((text) => JSON.parse(text) as Shim);
}
