/** A small hospital in a temporary folder: films, their labels file, and `prepareShard` on both. */

import { type PrepareOptions, prepareShard } from "../../src/data/prepare.ts";
import { encodePng } from "../../src/data/sharp.ts";
import { inFolder } from "./folder.ts";

/** What a test gets. */
export interface Hospital {
  dir: string;
  /** Lines of the labels file, header first. */
  lines: string[];
  prepare(options?: Partial<PrepareOptions>): ReturnType<typeof prepareShard>;
}

/** A hospital of `count` films of 16 px; every patient has two; a third of the patients is ill. */
export async function withHospital(
  count: number,
  work: (hospital: Hospital) => Promise<void>,
): Promise<void> {
  await inFolder(async (dir) => {
    await Deno.mkdir(`${dir}/images`);
    const lines = ["Image Index,Finding Labels,Patient ID,split"];
    for (let i = 0; i < count; i++) {
      await Deno.writeFile(`${dir}/images/f${i}.png`, await encodePng(new Uint8Array(256).fill(i % 256), 16));
      const patient = i >> 1;
      const split = ["train", "train", "train", "val", "test"][Math.floor(patient / 3) % 5];
      lines.push(`f${i}.png,${patient % 3 ? "No Finding" : "Mass"},${patient},${split}`);
    }
    const prepare: Hospital["prepare"] = async (options = {}) => {
      await Deno.writeTextFile(`${dir}/labels.csv`, lines.join("\n"));
      const [images, labels, out] = [`${dir}/images`, `${dir}/labels.csv`, `${dir}/out/shard`];
      return await prepareShard({ images, labels, size: 8, out, site: `${dir}/site`, ...options });
    };
    await work({ dir, lines, prepare });
  });
}

/** Names in a folder, sorted. */
export async function list(dir: string): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(dir)) names.push(entry.name);
  return names.sort();
}
