/** What may or may not be there. */

/** Whether a file or folder can be found at `path`; a link that leads nowhere is none. */
export async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/** Whether something has this name: a file, a folder, or a link even where it leads nowhere. */
export async function isTaken(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => true, () => false);
}

/** Removes a file if it is there. */
export async function removeIfThere(path: string): Promise<void> {
  await Deno.remove(path).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}

/** The text of a file, or null when there is no such file. */
export async function readTextIfThere(path: string): Promise<string | null> {
  return await Deno.readTextFile(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  });
}

/** The bytes of a file, or null when there is no such file. */
export async function readIfThere(path: string): Promise<Uint8Array<ArrayBuffer> | null> {
  return await Deno.readFile(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  });
}
