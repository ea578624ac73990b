/** Three tiny hospitals with certificates in a folder. */
import { HOSPITALS } from "../../src/data/phantom/phantom.ts";
import { writePhantoms } from "../../src/data/phantom/files.ts";
import { prepareShard } from "../../src/data/prepare.ts";
import { initCa, issue } from "../../src/fed/pki/ca.ts";
import { generator } from "../../src/cli/commands/demo/hospitals.ts";

export const SILOS = ["a", "b", "c"] as const;
/** A batch of the usual size, and enough of both classes to be scored. */
const FILMS = { train: 32, val: 20, test: 20 };
type Films = Partial<typeof FILMS>;

/** Draws `films-a` … `films-c` in `dir`; `films`: how many in a split, where it is not the usual number. */
export async function drawFilms(dir: string, films: Films = {}): Promise<void> {
  for (const [index, silo] of SILOS.entries()) {
    const random = generator(7, index);
    const counts = { ...FILMS, ...films };
    await writePhantoms(`${dir}/films-${silo}`, { hospital: HOSPITALS[silo], size: 32, ...counts, random });
  }
}

/** Films, 32 px shards and certificates for three silos and the aggregator, and settings that let few films take part. */
export async function makeHospitals(dir: string, films: Films = {}): Promise<void> {
  await drawFilms(dir, films);
  for (const silo of SILOS) {
    const [images, labels] = [`${dir}/films-${silo}/images`, `${dir}/films-${silo}/labels.csv`];
    await prepareShard({ images, labels, size: 32, out: `${dir}/shard-${silo}`, site: `${dir}/site` });
  }
  const accept = SILOS.map((silo) => `[silo.${silo}]\naccept = { min_train_patients = 8 }\n`);
  await Deno.writeTextFile(`${dir}/fedx.toml`, accept.join(""));
  await makeCertificates(dir);
}

/** `ca`, and the certificates `tls-hub`, `tls-a` and so on in `dir`. */
export async function makeCertificates(dir: string): Promise<void> {
  await initCa(`${dir}/ca`);
  await issue({ name: "hub", role: "aggregator", ca: `${dir}/ca`, out: `${dir}/tls-hub` });
  for (const silo of SILOS) {
    await issue({ name: silo, role: "silo", ca: `${dir}/ca`, out: `${dir}/tls-${silo}` });
  }
}
