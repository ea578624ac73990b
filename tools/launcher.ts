/**
 * Writes `./fedx` (ignored by git): a shell script that runs src/cli/main.ts from source with the pinned Deno, exactly the
 * permissions that fedx needs, and the libtorch that the shim was built beside. It takes the place of the one file
 * that `task compile` may have put there: `./fedx` is what the last task made.
 */
import { fileURLToPath } from "node:url";
import { HEAP } from "./permissions.ts";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** What the script is made of. */
export interface LauncherOptions {
  /** Flags of resolveStd. */
  flags: string[];
  /** Folder that holds lib/. */
  libtorch: string | null;
}

/** Writes the launcher if it differs; returns its path and whether it was written. */
export async function writeLauncher(options: LauncherOptions): Promise<{ path: string; written: boolean }> {
  const path = `${ROOT}fedx`;
  const text = script(options);
  if (await sameText(path, text)) return { path, written: false };
  const partial = `${path}.${Deno.pid}.partial`;
  await Deno.writeTextFile(partial, text, { mode: 0o755 });
  await Deno.rename(partial, path);
  return { path, written: true };
}

/** Looks at the size first: `task compile` puts a large program there. */
async function sameText(path: string, text: string): Promise<boolean> {
  const size = (await Deno.stat(path).catch(() => null))?.size;
  return size === new TextEncoder().encode(text).length && await Deno.readTextFile(path) === text;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

function script({ flags, libtorch }: LauncherOptions): string {
  const version = Deno.version.deno;
  return `#!/bin/sh
# Written by tools/bootstrap.ts; runs fedx from its source tree.
FEDX_EXE=${quote(`${ROOT}fedx`)}
export FEDX_EXE
export DENO_NO_UPDATE_CHECK=1
[ -n "$LD_LIBRARY_PATH" ] || [ -z "$FEDX_LIBRARY_PATH" ] || export LD_LIBRARY_PATH="$FEDX_LIBRARY_PATH"
${
    libtorch === null
      ? ""
      : `[ -n "$FEDX_LIBTORCH" ] || FEDX_LIBTORCH=${quote(libtorch)}\nexport FEDX_LIBTORCH\n`
  }npm="\${DENO_DIR:-\${XDG_CACHE_HOME:-$HOME/.cache}/deno}/npm"
ffi="\${FEDX_LIBTORCH:+$FEDX_LIBTORCH,}"${quote(`${ROOT}native/build`)}",$npm\${FEDX_SHIM:+,$FEDX_SHIM}"
deno=${quote(Deno.execPath())}
set -- run --quiet --no-prompt ${HEAP} --allow-read --allow-write --allow-net --allow-env --allow-sys \\
  --allow-run="$FEDX_EXE",python3 --allow-ffi="$ffi" \\
  ${flags.map(quote).join(" ")} ${quote(`${ROOT}src/cli/main.ts`)} "$@"
[ -x "$deno" ] && exec "$deno" "$@"
exec npx -y deno@${version} "$@"
`;
}
