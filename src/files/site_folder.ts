/**
 * The site folder: what a hospital's machine must keep over all runs and shards, apart from any of them. It is its
 * user's alone, mode 0700.
 */
import { refusal } from "../refusal.ts";
import { obstacleTo } from "./obstacle.ts";
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
    const found = obstacleTo(dir, cause);
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
