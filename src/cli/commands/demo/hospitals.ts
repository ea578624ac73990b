import { HOSPITALS } from "../../../data/phantom/phantom.ts";
import { writePhantoms } from "../../../data/phantom/files.ts";
import { prepareShard } from "../../../data/prepare.ts";
import { initCa, issue } from "../../../fed/pki/ca.ts";
import { PURPOSE, uniforms } from "../../../model/philox.ts";
import type { Output } from "../../output/output.ts";

/** The hospitals of the demo. */
export const SILOS = ["a", "b", "c"] as const;
/** Films for val and for test, as parts of those for training. */
const PARTS = { val: 4 / 15, test: 8 / 15 };

/** Where the demo's hospitals keep their things. */
export interface DemoHospitals {
  /** Side of the films, pixels. */
  size: number;
  shards: Record<string, string>;
}

/** Draws films for three hospitals, prepares them as one's own would be, and issues certificates. */
export async function makeHospitals(
  dir: string,
  options: { size: number; films: number; seed: number; output: Output; signal: AbortSignal },
): Promise<DemoHospitals> {
  const { size, films: train, seed, output, signal } = options;
  const counts = { train, val: Math.round(PARTS.val * train), test: Math.round(PARTS.test * train) };
  const shards: Record<string, string> = {};
  for (const [index, silo] of SILOS.entries()) {
    signal.throwIfAborted();
    const films = `${dir}/films-${silo}`;
    const label = `hospital ${silo}: films`;
    await writePhantoms(films, {
      hospital: HOSPITALS[silo],
      size,
      ...counts,
      random: generator(seed, index + 1),
      onProgress: (done: number, total: number) => output.progress(label, done, total),
    });
    shards[silo] = `${dir}/shard-${silo}`;
    await prepareShard({
      images: `${films}/images`,
      labels: `${films}/labels.csv`,
      size,
      out: shards[silo],
      site: `${dir}/site`,
      onProgress: (done, total) => output.progress(`hospital ${silo}: prepare`, done, total),
      signal,
    });
  }
  await initCa(`${dir}/ca`);
  await issue({ name: "hub", role: "aggregator", ca: `${dir}/ca`, out: `${dir}/tls-hub` });
  for (const silo of SILOS) {
    await issue({ name: silo, role: "silo", ca: `${dir}/ca`, out: `${dir}/tls-${silo}` });
  }
  return { size, shards };
}

/** Endless uniforms in [0, 1) for one hospital, the same for the same seed. */
export function generator(seed: number, silo: number): () => number {
  const block = 4096;
  let step = 0;
  let at = block;
  let values: Float32Array = new Float32Array();
  return () => {
    if (at === block) {
      values = uniforms({ seed, silo }, { purpose: PURPOSE.phantom, step: step++ }, block);
      at = 0;
    }
    return values[at++];
  };
}
