/** Files and folders that are their user's alone, whatever the umask. */

/** Mode of such a file. */
export const PRIVATE_FILE = 0o600;
/** Mode of such a folder. */
export const PRIVATE_DIR = 0o700;

/** The mode of a file or folder that others than its owner may use, such as "0755"; null when they may not. */
export async function modeOpenToOthers(path: string): Promise<string | null> {
  const mode = (await Deno.stat(path)).mode ?? 0;
  return (mode & 0o077) === 0 ? null : `0${(mode & 0o777).toString(8)}`;
}
