/** All files below a folder. */

/**
 * The paths of all files below `folder`, relative to it, each folder's names in order. A link to a file counts as one,
 * a link to a folder does not: it may lead in a circle.
 *
 * @throws {Error} when a folder cannot be read
 */
export async function* walk(folder: string, below = ""): AsyncIterable<string> {
  const entries = await Array.fromAsync(Deno.readDir(`${folder}/${below}`));
  for (const { name, isDirectory, isSymlink } of entries.toSorted((a, b) => a.name < b.name ? -1 : 1)) {
    const path = below === "" ? name : `${below}/${name}`;
    if (isDirectory) yield* walk(folder, path);
    else if (!isSymlink || await leadsToFile(`${folder}/${path}`)) yield path;
  }
}

async function leadsToFile(path: string): Promise<boolean> {
  return await Deno.stat(path).then(({ isFile }) => isFile, () => false);
}
