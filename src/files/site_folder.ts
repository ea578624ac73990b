/**
 * The site folder: what a hospital's machine must keep over all runs and shards, apart from any of them. It is its
 * user's alone, mode 0700.
 */
import { refusal } from "../refusal.ts";
import { codeOf, type Obstacle, obstacleTo } from "./obstacle.ts";
import { modeOpenToOthers, PRIVATE_DIR } from "./private.ts";

/** `$XDG_DATA_HOME/fedx`, else `~/.local/share/fedx`. @throws {Error} without either in the environment */
export function defaultSite(): string {
  const home = Deno.env.get("HOME");
  const base = Deno.env.get("XDG_DATA_HOME") || (home ? `${home}/.local/share` : undefined);
  if (base !== undefined) return `${base}/fedx`;
  throw refusal(Error, {
    what: "Cannot find the site folder",
    expected: "HOME or XDG_DATA_HOME in the environment",
    got: "neither",
    remedy: "name it with --site DIR",
  });
}

/**
 * Makes the site folder `dir`, parents included, where it is not there.
 *
 * @throws {Error} it cannot be made, or others than its user may enter it
 */
export async function openSite(dir: string): Promise<void> {
  const what = `Cannot use the site folder ${dir}`;
  let mode: string | null;
  try {
    await Deno.mkdir(dir, { recursive: true, mode: PRIVATE_DIR });
    mode = await modeOpenToOthers(dir);
  } catch (cause) {
    const found = obstacleToSite(dir, cause);
    if (found === null) throw cause;
    throw refusal(Error, { what, expected: "a folder that fedx may write to", ...found }, { cause });
  }
  if (mode === null) return;
  throw refusal(Error, {
    what,
    expected: "mode 0700",
    got: `${mode}, so that others may look into it`,
    remedy: `name another with --site, or, if nobody else needs that folder, run: chmod 700 ${dir}`,
  });
}

/**
 * What keeps a file or folder of the site folder from being used; null where nobody knows.
 *
 * Why with other remedies than elsewhere: nobody is to remove what stands there, or to take it from the user whose it is.
 */
export function obstacleToSite(path: string, cause: unknown): Obstacle | null {
  const found = obstacleTo(path, cause);
  if (["EACCES", "EPERM"].includes(codeOf(cause) ?? "")) {
    return {
      got: found!.got,
      remedy: "name a folder of this user's own with --site, or run fedx as the user whose it is",
    };
  }
  return found?.elsewhere ? { got: found.got, remedy: "name another folder with --site" } : found;
}
