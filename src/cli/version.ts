import { fileURLToPath } from "node:url";
import { WIRE_VERSION } from "../fed/protocol.ts";
import { lastLibtorch, type Libtorch, readText } from "../shim/libtorch.ts";
import type { Values } from "./commands.ts";
import type { Context } from "./main.ts";

/** The program's version. */
export const VERSION = "0.1.0";

/** The engine's shim as tools/bootstrap.ts wrote it down when it was built. */
interface Shim {
  file: string;
  build: string;
  torch: string;
}

/** Prints what this program is made of; opens no library and starts no program, so that it answers at once. */
export async function run({ output }: Context<Values<"version">>): Promise<void> {
  const build = Deno.env.get("FEDX_BUILD") ?? null;
  const shim = await builtShim();
  const found = await lastLibtorch();
  const libtorch = found ? { version: found.version, folder: found.dir, source: found.source } : null;
  output.result(
    { fedx: VERSION, build, deno: Deno.version.deno, wire: WIRE_VERSION, shim, libtorch },
    [
      `fedx ${VERSION}, build ${build ?? "from source"}, wire ${WIRE_VERSION}`,
      `Deno ${Deno.version.deno}`,
      shim ? `shim ${shim.build} for libtorch ${shim.torch} (${shim.file})` : "no shim built yet",
      describe(found),
    ].join("\n"),
  );
}

function describe(found: Libtorch | null): string {
  if (!found) return "libtorch: none used yet";
  return `libtorch ${found.version} in ${found.dir} (${found.source})`;
}

async function builtShim(): Promise<Shim | null> {
  const text = await readText(fileURLToPath(new URL("../../native/build/shim.json", import.meta.url)));
  return text === "" ? null : JSON.parse(text) as Shim;
}
