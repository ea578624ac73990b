/** A shard as an older fedx wrote it: no patients' ids, nothing known of films, and other findings told by one bit alone. */
import { ADDED_FILES, shardDigest, type ShardManifest } from "../../src/data/manifest.ts";
import { OTHERS } from "../../src/data/others.ts";

/**
 * Makes the shard `dir` one of version 1.
 *
 * @param options.unknownFindings what that fedx called other findings @default as the shard has them
 */
export async function asVersion1(dir: string, options: { unknownFindings?: string[] } = {}): Promise<void> {
  const path = `${dir}/manifest.json`;
  const { site: _, ...manifest } = JSON.parse(await Deno.readTextFile(path)) as ShardManifest;
  for (const name of [...ADDED_FILES, OTHERS]) {
    if (manifest.files[name] !== undefined) await Deno.remove(`${dir}/${name}`);
    delete manifest.files[name];
  }
  const older: ShardManifest = { ...manifest, ...options, version: 1 };
  await Deno.writeTextFile(path, JSON.stringify({ ...older, digest: shardDigest(older) }, null, 2) + "\n");
}
