/** Which Python and which PyTorch the stages use: the one that python3 imports, so that fedx and PyTorch share a libtorch. */
import { resolve } from "node:path";
import { exists } from "../../src/files/exists.ts";
import { refusal } from "../../src/refusal.ts";
import { type Flavour, flavourOf, shimFile } from "../../src/shim/libtorch/flavour.ts";
import { findLibtorch, fits, inspect, VERSIONS } from "../../src/shim/libtorch/find.ts";
import { runPython } from "../../src/shim/libtorch/python.ts";

/** What the stages compute with. */
export interface Torch {
  python: string;
  /** Folder that holds lib/ and include/. */
  libtorch: string;
  flavour: Flavour;
}

/** Says where torch lies without importing it, which takes seconds. */
const WHERE =
  "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')";

/**
 * FEDX_LIBTORCH, else the PyTorch of FEDX_PYTHON or python3, else where fedx looks anyhow.
 *
 * @throws {Error} there is none that a shim can be built against, or FEDX_LIBTORCH cannot be used
 */
export async function findTorch(): Promise<Torch> {
  const named = Deno.env.get("FEDX_PYTHON") || "python3";
  const python = named.includes("/") ? resolve(named) : named; // stages work in folders of their own
  const own = Deno.env.get("FEDX_LIBTORCH") ? null : await torchOf(python);
  const found = own ?? (await findLibtorch({ headers: true }))?.dir;
  if (found === undefined) {
    throw refusal(Error, {
      what: "Cannot build the engine",
      expected: `${VERSIONS} with its headers in FEDX_LIBTORCH, FEDX_PYTHON or python3`,
      got: "none",
      remedy:
        "python3 -m pip install torch, or name the folder that holds lib/ and include/ in FEDX_LIBTORCH",
    });
  }
  const libtorch = resolve(found);
  return { python, libtorch, flavour: await flavourOf(libtorch) };
}

/** The PyTorch that a Python would import, where a shim can be built against it. */
async function torchOf(python: string): Promise<string | null> {
  const ended = await runPython(["-c", WHERE], { python }).catch(() => null); // no Python: looked for elsewhere
  if (ended === null || ended.code !== 0 || !await exists(`${ended.stdout}/lib`)) return null;
  const found = await inspect(ended.stdout, "python3");
  return found?.headers && fits(found.version) ? found.dir : null;
}

/** The shim for it, in the archive that lies in `root`. */
export function shimOf({ flavour }: Torch, root: string): string {
  return `${root}/native/build/${shimFile(flavour)}`;
}
