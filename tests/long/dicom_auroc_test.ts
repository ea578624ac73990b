/** Radiographs wrapped as DICOM of five syntaxes: the same films in the shard to a grey level, and the same AUROC. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { prepareShard } from "../../src/data/prepare.ts";
import { loadSharp } from "../../src/data/sharp.ts";
import { Shard } from "../../src/data/shard.ts";
import { ENCODED, encodedDicom } from "../testing/encoded_dicom.ts";
import { fileFolder } from "../testing/folder.ts";
import { makeCertificates, SILOS } from "../testing/hospitals.ts";
import { federate, KERMANY, kermanyIsHere, meanAuroc } from "../testing/kermany.ts";

const ROUNDS = 3;
/** How far apart the two AUROC values may be. */
const NEAR = .005;
const here = await kermanyIsHere();
const dir = await fileFolder();

/** Writes every film of a hospital as DICOM under its own name, the syntaxes in turn. */
async function wrap(silo: string): Promise<void> {
  const sharp = await loadSharp();
  await Deno.mkdir(`${dir}/films-${silo}`);
  const names = [...Deno.readDirSync(`${KERMANY}silo-${silo}/images`)].map(({ name }) => name).toSorted();
  for (const [i, name] of names.entries()) {
    const image = sharp(await Deno.readFile(`${KERMANY}silo-${silo}/images/${name}`), { ignoreIcc: true });
    const { data, info } = await image.greyscale().toColourspace("b-w").raw().toBuffer({
      resolveWithObject: true,
    });
    const { width, height } = info;
    const film = { width, height, pixels: new Uint8Array(data), syntax: ENCODED[i % ENCODED.length] };
    await Deno.writeFile(`${dir}/films-${silo}/${name}`, encodedDicom(film));
  }
}

Deno.test(`radiographs as DICOM: pixels to one grey level, three federated rounds to ${NEAR}`, {
  ignore: !here,
}, async () => {
  await makeCertificates(dir);
  for (const silo of SILOS) {
    await wrap(silo);
    const labels = `${KERMANY}silo-${silo}/labels.csv`;
    const sources = { jpeg: `${KERMANY}silo-${silo}/images`, dicom: `${dir}/films-${silo}` };
    for (const [kind, images] of Object.entries(sources)) {
      await prepareShard({ images, labels, size: 64, out: `${dir}/${kind}-${silo}`, site: `${dir}/site` });
    }
    const [jpeg, dicom] = await Promise.all(
      ["jpeg", "dicom"].map((kind) => Shard.open(`${dir}/${kind}-${silo}`)),
    );
    assertEquals(await dicom.names(), await jpeg.names());
    const [a, b] = [jpeg, dicom].map((shard) => Deno.readFileSync(`${shard.dir}/images.u8`));
    let apart = 0;
    for (let i = 0; i < a.length; i++) apart = Math.max(apart, Math.abs(a[i] - b[i]));
    assert(apart <= 1, `${apart} grey levels apart`);
  }
  const aurocs: number[] = [];
  for (const shards of ["jpeg", "dicom"]) {
    const folder = await federate({ dir, shards, state: `state-${shards}`, rounds: ROUNDS });
    aurocs.push(await meanAuroc(`${folder}/last.safetensors`, { dir, shards }));
  }
  console.log(`mean AUROC: ${aurocs.map((auroc) => auroc.toFixed(4)).join(" from JPEG and ")} from DICOM`);
  assertLess(Math.abs(aurocs[0] - aurocs[1]), NEAR);
});
