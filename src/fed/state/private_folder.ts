/**
 * A role's state folder is its user's alone: mode 0700, and 0600 for every file in it, whatever the umask.
 *
 * Why: it holds what a hospital's weights have learned, and each silo's update as it came in.
 */

/** Mode of every file in a state folder. */
export const PRIVATE_FILE = 0o600;
/** Mode of a state folder and of those in it. */
export const PRIVATE_DIR = 0o700;

/**
 * Makes a state folder, parents included. One that is there and that others may enter is narrowed where it is empty
 * or a role's already; any other may have been shared on purpose.
 *
 * @throws {Error} others may enter it still.
 */
export async function makePrivateFolder(dir: string): Promise<void> {
  await Deno.mkdir(dir, { recursive: true, mode: PRIVATE_DIR });
  if (await othersIn(dir) === 0) return;
  if (await isStateFolder(dir)) await Deno.chmod(dir, PRIVATE_DIR).catch(() => {}); // of another user: told below
  if (await othersIn(dir) === 0) return;
  const got = ((await Deno.stat(dir)).mode! & 0o777).toString(8);
  throw new Error(
    `Cannot use the state folder ${dir}: expected mode 0700, got 0${got}, so that others may look into it; ` +
      `choose another --state, or, if nobody else needs that folder, run: chmod 700 ${dir}`,
  );
}

/** What others than the owner may do in it, as permission bits. */
async function othersIn(dir: string): Promise<number> {
  return ((await Deno.stat(dir)).mode ?? 0) & 0o077;
}

async function isStateFolder(dir: string): Promise<boolean> {
  const names = (await Array.fromAsync(Deno.readDir(dir))).map(({ name }) => name);
  return names.length === 0 || names.includes("run.sqlite");
}
