// Why: a libtorch of another version than the shim's ends a run at its first step; here it ends the doctor's second line.
import { findLibtorch, type Libtorch } from "../../../shim/libtorch/find.ts";
import { findLibraries, type Libraries, REMEDY, tryLibraries } from "../../../model/libraries.ts";
import { bad, type Check, failed, good, open } from "./check.ts";

/** How the engine's parts are found and opened. */
export interface EngineParts {
  find(): Promise<Libtorch | null>;
  libraries(): Promise<Libraries>;
  open(libraries: Libraries): { build: string; torch: string };
}

/** The parts of this installation. */
export const PARTS: EngineParts = { find: findLibtorch, libraries: findLibraries, open: tryLibraries };

/** Finds libtorch and opens it with the shim; `libraries` is null when training is not possible. */
export async function checkEngine(
  parts: EngineParts = PARTS,
): Promise<{ checks: Check[]; libraries: Libraries | null; libtorch: Libtorch | null }> {
  const checks: Check[] = [];
  const stop = (check: Check, libtorch: Libtorch | null = null) => ({
    checks: [...checks, check, ...checks.length === 0 ? [open("engine", "not opened without libtorch")] : []],
    libraries: null,
    libtorch,
  });
  let found: Libtorch | null;
  try {
    found = await parts.find();
  } catch (error) {
    return stop(failed("libtorch", error, "name the folder that holds lib/ in FEDX_LIBTORCH, or unset it"));
  }
  if (found === null) {
    const places = "none in FEDX_LIBTORCH, the cache or python3";
    return stop(bad("libtorch", places, REMEDY));
  }
  checks.push(good("libtorch", `${found.version} from ${found.source} (${found.dir})`));
  try {
    const libs = await parts.libraries();
    const { build, torch } = parts.open(libs);
    checks.push(good("engine", `build ${build}, for libtorch ${torch}`));
    return { checks, libraries: libs, libtorch: found };
  } catch (error) {
    return stop(failed("engine", error, REMEDY), found);
  }
}
