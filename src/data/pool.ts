// Why: a film that counts twice makes intervals narrower than the truth.
import { Shard } from "./shard.ts";

/** Opens shards and checks every byte of them. @throws {Error} naming the one that is damaged, or given twice. */
export async function openShards(
  dirs: readonly string[],
  options: { signal?: AbortSignal } = {},
): Promise<Shard[]> {
  const shards: Shard[] = [];
  for (const dir of dirs) {
    const shard = await Shard.open(dir, { verify: true, ...options });
    const twin = shards.find(({ manifest }) => manifest.digest === shard.manifest.digest);
    if (twin !== undefined) {
      throw new Error(
        `Cannot take ${dir} beside ${twin.dir}: expected different shards, got the same films twice; leave out one --shard.`,
      );
    }
    shards.push(shard);
  }
  return shards;
}
