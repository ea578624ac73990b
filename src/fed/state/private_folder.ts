/**
 * A role's state folder is its user's alone: mode 0700, and 0600 for every file in it, whatever the umask.
 *
 * Why: it holds what a hospital's weights have learned, and each silo's update as it came in.
 */
import { modeOpenToOthers, PRIVATE_DIR } from "../../files/private.ts";

/**
 * Makes a state folder, parents included. One that is there and that others may enter is narrowed where it is empty
 * or a role's already; any other may have been shared on purpose.
 *
 * @throws {Error} others may enter it still.
 */
export async function makePrivateFolder(dir: string): Promise<void> {
  await Deno.mkdir(dir, { recursive: true, mode: PRIVATE_DIR });
  if (await modeOpenToOthers(dir) === null) return;
  if (await isStateFolder(dir)) await Deno.chmod(dir, PRIVATE_DIR).catch(() => {}); // of another user: told below
  const got = await modeOpenToOthers(dir);
  if (got === null) return;
  throw new Error(
    `Cannot use the state folder ${dir}: expected mode 0700, got ${got}, so that others may look into it; ` +
      `choose another --state, or, if nobody else needs that folder, run: chmod 700 ${dir}`,
  );
}

async function isStateFolder(dir: string): Promise<boolean> {
  const names = (await Array.fromAsync(Deno.readDir(dir))).map(({ name }) => name);
  return names.length === 0 || names.includes("run.sqlite");
}
