/** A whole shard of films that are in memory. */
import type { ShardManifest } from "../../src/data/manifest.ts";
import { HASH_BYTES, type PatientHasher, PatientIds } from "../../src/data/patient_ids.ts";
import { type ShardOptions, type ShardRow, ShardWriter } from "../../src/data/shard_writer.ts";

/**
 * Writes a whole shard into the new folder `dir`.
 *
 * @param content.ids @default those of a secret that nobody keeps: no patient is ever found again by the id
 */
export async function writeShard(
  dir: string,
  content: Omit<ShardOptions, "ids"> & { ids?: PatientHasher; rows: Iterable<ShardRow> },
): Promise<ShardManifest> {
  await Deno.mkdir(dir);
  const { ids = new PatientIds(crypto.getRandomValues(new Uint8Array(HASH_BYTES))) } = content;
  using writer = await ShardWriter.create(dir, { ...content, ids });
  for (const row of content.rows) await writer.append(row);
  return await writer.finish();
}
