/** Small shards of films of noise, from which nothing can be learnt: for what does not hang on what is learnt. */
import { Shard, SPLITS } from "../../src/data/shard.ts";
import type { ShardRow } from "../../src/data/shard_writer.ts";
import { PURPOSE, words } from "../../src/model/philox.ts";
import { preprocessingOf } from "../../src/model/weights/model_file.ts";
import { writeShard } from "./write_shard.ts";

const TRAIN = [12, 14, 20];

/** Films of one hospital, of as many patients: 12, 14 or 20 to train on, 20 in each of the other splits. */
function* rows(hospital: number, size: number): Generator<ShardRow> {
  let position = 0;
  for (const split of SPLITS) {
    const count = split === "train" ? TRAIN[hospital % TRAIN.length] : 20;
    for (let i = 0; i < count; i++, position++) {
      const noise = words({ seed: hospital, silo: 0 }, { purpose: PURPOSE.phantom, position }, size * size);
      const pixels = Uint8Array.from(noise, (x) => x >>> 24);
      yield { pixels, label: i % 2, patient: `${split}${i}`, split, name: `${position}.png` };
    }
  }
}

/** Writes `dir`/shard-NAME for each hospital, and opens them. */
export async function noiseShards(dir: string, names: readonly string[], size = 32): Promise<Shard[]> {
  const { kernel } = preprocessingOf(1);
  for (const [hospital, name] of names.entries()) {
    await writeShard(`${dir}/shard-${name}`, { size, kernel, salt: "t", rows: rows(hospital, size) });
  }
  return await Promise.all(names.map((name) => Shard.open(`${dir}/shard-${name}`)));
}
