import { WIRE_VERSION } from "../fed/protocol.ts";
import { findLibtorch } from "../shim/libtorch.ts";
import type { Values } from "./commands.ts";
import { BUILD } from "./engine.ts";
import type { Context } from "./main.ts";

/** The program's version. */
export const VERSION = "0.1.0";

/** Prints which fedx, Deno and libtorch this is. */
export async function run({ output }: Context<Values<"version">>): Promise<void> {
  const found = await findLibtorch();
  const libtorch = found ? { version: found.version, folder: found.dir, source: found.source } : null;
  output.result(
    { fedx: VERSION, deno: Deno.version.deno, wire: WIRE_VERSION, libtorch },
    `fedx ${VERSION}, Deno ${Deno.version.deno}, wire ${WIRE_VERSION}, ` +
      (found
        ? `libtorch ${found.version} (${found.source})`
        : `no libtorch (\`${BUILD}\` fetches and builds)`),
  );
}
