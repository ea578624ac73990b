/** Small shards of films of noise with named findings, NIH's and others. */
import { labelBits, nihName } from "../../src/data/findings.ts";
import type { ShardManifest } from "../../src/data/manifest.ts";
import { type Split, SPLITS } from "../../src/data/shard.ts";
import type { ShardRow } from "../../src/data/shard_writer.ts";
import { PURPOSE, words } from "../../src/model/philox.ts";
import { preprocessingOf } from "../../src/model/weights/model_file.ts";
import { writeShard } from "./write_shard.ts";

/** Findings of a film. */
export type Film = readonly string[];

/** Writes a shard whose splits have these films, each of a patient of its own; `seed` draws their pixels. */
export async function writeFindings(
  dir: string,
  films: Record<Split, readonly Film[]>,
  { size = 8, seed = 1 }: { size?: number; seed?: number } = {},
): Promise<ShardManifest> {
  const others = (film: Film) => film.filter((name) => nihName(name) === undefined);
  const all = SPLITS.flatMap((split) => films[split].map((film) => ({ film, split })));
  const rows = all.map(({ film, split }, position): ShardRow => {
    const noise = words({ seed, silo: 0 }, { purpose: PURPOSE.phantom, position }, size * size);
    return {
      ...{ pixels: Uint8Array.from(noise, (x) => x >>> 24), label: labelBits(film), others: others(film) },
      ...{ patient: `${position}`, split, name: `${position}.png` },
    };
  });
  const unknownFindings = [...new Set(all.flatMap(({ film }) => others(film)))];
  const { kernel } = preprocessingOf(1);
  return await writeShard(dir, { size, kernel, salt: "t", unknownFindings, rows });
}
