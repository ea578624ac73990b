/** Three tiny hospitals with certificates in a folder, made by the program itself. */
import { HOSPITALS } from "../../src/data/phantom/phantom.ts";
import { writePhantoms } from "../../src/data/phantom/files.ts";
import { initCa, issue } from "../../src/fed/pki/ca.ts";
import { generator } from "../../src/cli/commands/demo/hospitals.ts";
import { run } from "./program.ts";

export const SILOS = ["a", "b", "c"] as const;
/** Three batches of 32 a round from 50 patients and more, and enough of both classes to be scored. */
const FILMS = { train: 96, val: 40, test: 40 };
type Films = Partial<typeof FILMS>;

/** Draws `films-a` … `films-c` in `dir`; `films`: how many in a split, where it is not the usual number. */
export async function drawFilms(dir: string, films: Films = {}): Promise<void> {
  for (const [index, silo] of SILOS.entries()) {
    const random = generator(7, index);
    const counts = { ...FILMS, ...films };
    await writePhantoms(`${dir}/films-${silo}`, { hospital: HOSPITALS[silo], size: 32, ...counts, random });
  }
}

/** Films, 32 px shards and certificates for three silos and the aggregator. */
export async function makeHospitals(dir: string, films: Films = {}): Promise<void> {
  await drawFilms(dir, films);
  for (const silo of SILOS) {
    const films = `films-${silo}`;
    const prepared = await run([
      "prepare",
      ...["--images", `${films}/images`, "--labels", `${films}/labels.csv`, "--size", "32"],
      ...["--out", `shard-${silo}`],
    ], { cwd: dir });
    if (prepared.code !== 0) throw new Error(prepared.stderr);
  }
  await initCa(`${dir}/ca`);
  await issue({ name: "hub", role: "aggregator", ca: `${dir}/ca`, out: `${dir}/tls-hub` });
  for (const silo of SILOS) {
    await issue({ name: silo, role: "silo", ca: `${dir}/ca`, out: `${dir}/tls-${silo}` });
  }
}
