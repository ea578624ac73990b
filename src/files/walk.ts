/** All files below a folder. */

/** What becomes of a folder below the first that cannot be read. */
export interface WalkOptions {
  /** Hears its path, relative to the first one; the walk goes on. @default the walk fails */
  onUnreadable?: (path: string, cause: unknown) => void;
}

/**
 * The paths of all files below `folder`, relative to it, each folder's names in order. A link to a file counts as one;
 * a link to a folder does not, since it may lead in a circle, and what is no file, such as a pipe, does not, since
 * opening it may wait for ever.
 *
 * @throws {Error} when `folder` cannot be read
 */
export async function* walk(folder: string, options: WalkOptions = {}): AsyncIterable<string> {
  yield* walkBelow(folder, "", options);
}

async function* walkBelow(folder: string, below: string, options: WalkOptions): AsyncIterable<string> {
  let entries: Deno.DirEntry[];
  try {
    entries = await Array.fromAsync(Deno.readDir(`${folder}/${below}`));
  } catch (cause) {
    if (below === "" || options.onUnreadable === undefined) throw cause;
    return options.onUnreadable(below, cause);
  }
  for (
    const { name, isDirectory, isFile, isSymlink } of entries.toSorted((a, b) => a.name < b.name ? -1 : 1)
  ) {
    const path = below === "" ? name : `${below}/${name}`;
    if (isDirectory) yield* walkBelow(folder, path, options);
    else if (isFile || isSymlink && await leadsToFile(`${folder}/${path}`)) yield path;
  }
}

async function leadsToFile(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ isFile }) => isFile, () => false);
}
