/** Shards from an archive's DICOM files, whose labels name films and studies as the archive does. */
import { assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { parse } from "csv-parse/sync";
import { poolOf } from "../../../src/data/pool.ts";
import { prepareShard } from "../../../src/data/prepare.ts";
import { Shard } from "../../../src/data/shard.ts";
import { dicomFile } from "../../testing/dicom.ts";
import { filmOf, noiseOf } from "../../testing/dicom_archive.ts";
import { encodedDicom } from "../../testing/encoded_dicom.ts";
import { inFolder } from "../../testing/folder.ts";

const SIDE = 32, PATIENTS = 40;
const noise = noiseOf(PATIENTS * SIDE);

/** Each patient's study has a frontal film, a lateral one and a report; names tell nothing. */
async function writeStudies(dir: string): Promise<void> {
  for (let i = 0; i < PATIENTS; i++) {
    const folder = `${dir}/films/${String(i).padStart(4, "0")}`;
    await Deno.mkdir(folder, { recursive: true });
    const pixels = Uint8Array.from(
      noise.subarray(i * SIDE * SIDE, (i + 1) * SIDE * SIDE),
      (value) => value % 256,
    );
    const file = (uid: string, view: string, more = {}) =>
      dicomFile({
        ...{ width: SIDE, height: SIDE, pixels },
        attributes: {
          "0008,0018": ["UI", `1.2.${i}.${uid}`],
          "0008,0050": ["SH", `A${i}`],
          "0010,0020": ["LO", `P${i}`],
          "0018,5101": ["CS", view],
          ...more,
        },
      });
    await Deno.writeFile(`${folder}/IM1`, file("1", "PA"));
    await Deno.writeFile(`${folder}/IM2`, file("2", "LL"));
    await Deno.writeFile(`${folder}/SR1`, file("3", "PA", { "0008,0060": ["CS", "SR"], "7fe0,0010": null }));
  }
}

const label = (i: number) => i % 2 === 1 ? "Effusion" : "No Finding";

/** Prepares with a table's lines; what is in the shard, and what is listed as left out. */
async function prepared(dir: string, lines: string[]) {
  await Deno.writeTextFile(`${dir}/labels.csv`, `${lines.join("\n")}\n`);
  const sources = { images: `${dir}/films`, labels: `${dir}/labels.csv` };
  const result = await prepareShard({
    ...sources,
    size: SIDE,
    out: `${dir}/shard`,
    site: `${dir}/site`,
    maxQuarantine: .3,
    force: true,
  });
  const listed = result.quarantine === null
    ? []
    : parse(await Deno.readTextFile(result.quarantine), { columns: true });
  const left = (listed as Record<string, string>[]).map((row) => [row["Image Index"], row.reason]);
  return { result, left, names: await (await Shard.open(`${dir}/shard`)).names() };
}

Deno.test("prepare: labels by SOPInstanceUID find their films, whose files tell the patient", () =>
  inFolder(async (dir) => {
    await writeStudies(dir);
    const rows = Array.from({ length: PATIENTS }, (_, i) => `1.2.${i}.1,${label(i)}`);
    const { result, left, names } = await prepared(dir, [
      "SOPInstanceUID,Finding Labels",
      ...rows,
      "1.2.99.1,Effusion",
      "1.2.0.2,No Finding",
    ]);
    assertEquals([result.images, result.patients, result.positives], [PATIENTS, PATIENTS, PATIENTS / 2]);
    assertEquals(left, [["1.2.99.1", "missing_file"], ["0000/IM2", "lateral_view"]]);
    assertEquals(names[7], "0007/IM1");
    assertEquals(result.source.table, "films by SOPInstanceUID");
    assertEquals(result.dicom, {
      ...{ films: PATIENTS, syntaxes: { "explicit little endian": PATIENTS } },
      ...{
        modalities: { DX: PATIENTS },
        windowing: { "full range": PATIENTS },
        inverted: 0,
        describedViews: 0,
      },
    });
    assertEquals((await Shard.open(`${dir}/shard`)).manifest.sources.dicom, result.dicom);
  }));

Deno.test("prepare: labels by study hold for its frontal films; laterals and reports count towards no limit", () =>
  inFolder(async (dir) => {
    await writeStudies(dir);
    const rows = Array.from({ length: PATIENTS }, (_, i) => `A${i},P${i},${label(i)}`);
    const { result, left } = await prepared(dir, ["AccessionNumber,PatientID,Finding Labels", ...rows]);
    assertEquals([result.images, result.positives], [PATIENTS, PATIENTS / 2]);
    assertEquals(left.length, 2 * PATIENTS);
    assertEquals([result.quarantined.lateral_view, result.quarantined.other_modality], [PATIENTS, PATIENTS]);
  }));

Deno.test("prepare: a film of another patient than the table says, and a UID of two files, are left out by name", () =>
  inFolder(async (dir) => {
    await writeStudies(dir);
    await Deno.copyFile(`${dir}/films/0003/IM1`, `${dir}/films/0003/copy`);
    const rows = Array.from(
      { length: PATIENTS },
      (_, i) => `1.2.${i}.1,${i === 5 ? "P6" : `P${i}`},${label(i)}`,
    );
    const { result, left } = await prepared(dir, ["SOPInstanceUID,PatientID,Finding Labels", ...rows]);
    assertEquals(left, [["1.2.3.1", "bad_label"], ["0005/IM1", "bad_label"]]);
    assertEquals(result.images, PATIENTS - 2);
    const list = await Deno.readTextFile(result.quarantine!);
    assertEquals(list.includes("2 files of one SOPInstanceUID"), true);
    assertEquals(list.includes("a film whose file has another PatientID"), true);
  }));

Deno.test("prepare: a study of another patient than the table says is told from one that is not there", () =>
  inFolder(async (dir) => {
    await writeStudies(dir);
    const rows = Array.from({ length: PATIENTS }, (_, i) => `A${i},${i === 5 ? "05" : `P${i}`},${label(i)}`);
    const { result, left } = await prepared(dir, [
      "AccessionNumber,PatientID,Finding Labels",
      ...rows,
      "A99,P99,Effusion",
    ]);
    const named = left.filter(([image]) => /^A/.test(image));
    assertEquals(named, [["A5", "bad_label"], ["A99", "missing_file"]]);
    const list = await Deno.readTextFile(result.quarantine!);
    assertEquals(list.includes("a study whose files have another PatientID"), true);
  }));

Deno.test("prepare: the kernel tells how JPEG 2000 was decoded, whether or not a film was, and shards of two are not pooled", () =>
  inFolder(async (dir) => {
    await Deno.mkdir(`${dir}/films`);
    const side = 128, noise = noiseOf(side), lines = ["Image Index,Finding Labels,Patient ID"];
    for (let i = 0; i < PATIENTS; i++) {
      const film = filmOf(i, { side, noise, ill: i % 2 === 1 });
      const bytes = i < 4 ? encodedDicom({ ...film, syntax: "1.2.840.10008.1.2.4.90" }) : dicomFile(film);
      await Deno.writeFile(`${dir}/films/${i}`, bytes);
      lines.push(`${i},${label(i)},P${i}`);
    }
    await Deno.writeTextFile(`${dir}/labels.csv`, lines.join("\n"));
    const shardOf = async (jpeg2000: "full" | "reduced") => {
      const out = `${dir}/${jpeg2000}`;
      const sources = { images: `${dir}/films`, labels: `${dir}/labels.csv`, site: `${dir}/site` };
      await prepareShard({ ...sources, size: SIDE, jpeg2000, out });
      return await Shard.open(out);
    };
    const [full, reduced] = [await shardOf("full"), await shardOf("reduced")];
    assertEquals([full.manifest.kernel, reduced.manifest.kernel], ["lanczos3", "lanczos3+j2k-reduced"]);
    assertNotEquals(reduced.manifest.digest, full.manifest.digest);
    assertEquals(reduced.manifest.sources.dicom, full.manifest.sources.dicom);
    const [a, b] = await Promise.all([full, reduced].map(({ dir }) => Deno.readFile(`${dir}/images.u8`)));
    const names = await full.names(), image = SIDE * SIDE;
    const differing = names.filter((_, row) => {
      const of = (pixels: Uint8Array) => pixels.subarray(row * image, (row + 1) * image).join();
      return of(a) !== of(b);
    });
    assertEquals(differing.toSorted(), ["0", "1", "2", "3"]);
    const error = assertThrows(() => poolOf([full, reduced]), Error);
    assertEquals(
      error.message,
      `Cannot take ${dir}/reduced beside ${dir}/full: expected films of kernel lanczos3, got lanczos3+j2k-reduced ` +
        `(remedy: run \`fedx prepare --size ${SIDE} …\`)`,
    );
  }));
