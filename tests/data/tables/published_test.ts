/** The published tables through `prepareShard`, films included: every count by the rules that docs/operations.md states. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { labelBits } from "../../../src/data/findings.ts";
import { type PrepareOptions, type PrepareResult, prepareShard } from "../../../src/data/prepare.ts";
import { Shard } from "../../../src/data/shard.ts";
import { noneLeftOut } from "../../../src/data/table.ts";
import { inFolder } from "../../testing/folder.ts";
import {
  chexpert,
  mimic,
  padchest,
  type PublishedSet,
  rsna,
  vindrBoxes,
  vindrLabels,
  writeSet,
} from "../../testing/published_tables.ts";

/** What a test gets. */
interface Prepared {
  dir: string;
  set: PublishedSet;
  prepare(options?: Partial<PrepareOptions>): Promise<PrepareResult>;
}

async function inSet(set: PublishedSet, work: (prepared: Prepared) => Promise<void>): Promise<void> {
  await inFolder(async (dir) => {
    await writeSet(dir, set);
    const [images, labels, out] = [`${dir}/${set.images}`, `${dir}/${set.labels}`, `${dir}/shard`];
    await work({
      ...{ dir, set },
      prepare: (options = {}) =>
        prepareShard({ images, labels, size: 8, out, site: `${dir}/site`, force: true, ...options }),
    });
  });
}

/** Films by split, patients in all, positives in all. */
function counts({ splits, patients, positives, images }: PrepareResult) {
  const { train, val, test } = splits;
  return { images, patients, positives, splits: [train.images, val.images, test.images] };
}

/** How many films have each set of label bits. */
async function bits(dir: string): Promise<Map<number, number>> {
  const { labels } = await Shard.open(`${dir}/shard`, { verify: true });
  return new Map([...Map.groupBy(labels, (bits) => bits)].map(([bits, films]) => [bits, films.length]));
}

const OTHER = labelBits(["anything else"]);

Deno.test("CheXpert: laterals and uncertain films are left out, the patient is of the path, devices are no finding", () =>
  inSet(chexpert(), async ({ dir, prepare }) => {
    const result = await prepare();
    const leftOut = { ...noneLeftOut(), lateral_view: 4, uncertain: 2, unlabelled: 1 };
    assertEquals(result.source, { table: "CheXpert", rows: 28, films: 21, leftOut });
    assertEquals(counts(result), { images: 21, patients: 21, positives: 11, splits: [15, 2, 4] });
    assertEquals(result.quarantine, null);
    assertEquals(
      await bits(dir),
      new Map([[labelBits(["Effusion"]), 1], [0, 10], [OTHER, 1], [labelBits(["Cardiomegaly"]), 9]]),
    );
    const { manifest } = await Shard.open(`${dir}/shard`);
    assertEquals([manifest.sources.table, manifest.sources.leftOut], ["CheXpert", leftOut]);
    assertEquals(manifest.unknownFindings, ["Lung Opacity"]);
    // The same films, found from the folder around that of the table's paths.
    assertEquals((await prepare({ images: dir })).digest, result.digest);
  }));

Deno.test("CheXpert: --uncertain zero and one read -1 as its name says", () =>
  inSet(chexpert(), async ({ dir, prepare }) => {
    const effusion = labelBits(["Effusion"]), both = labelBits(["Effusion", "Atelectasis"]);
    const zero = await prepare({ uncertain: "zero" });
    assertEquals([zero.source.leftOut.uncertain, zero.images, zero.positives], [0, 23, 12]);
    assertEquals([(await bits(dir)).get(effusion), (await bits(dir)).get(0)], [2, 11]);
    const one = await prepare({ uncertain: "one" });
    assertEquals([one.source.leftOut.uncertain, one.images, one.positives], [0, 23, 13]);
    const found = await bits(dir);
    assertEquals([found.get(effusion), found.get(both), found.get(labelBits(["Pneumonia"]))], [1, 1, 1]);
    assertEquals((await prepare({ uncertain: "leave-out" })).images, 21);
  }));

Deno.test("MIMIC-CXR-JPG: a study's frontal films, by the metadata and the split beside the labels", () =>
  inSet(mimic(), async ({ dir, set, prepare }) => {
    const result = await prepare();
    const leftOut = { ...noneLeftOut(), lateral_view: 4, other_view: 1, uncertain: 1 };
    assertEquals(result.source, { table: "MIMIC-CXR-JPG", rows: 24, films: 24, leftOut });
    assertEquals(counts(result), { images: 24, patients: 23, positives: 12, splits: [14, 4, 6] });
    assertEquals(result.splits.train, { images: 14, patients: 13, positives: 7 });
    assertEquals([result.splits.val.positives, result.splits.test.positives], [2, 3]);
    const beside = Object.keys((await Shard.open(`${dir}/shard`)).manifest.sources.beside!);
    assertEquals(beside, ["mimic-cxr-2.0.0-metadata.csv", "mimic-cxr-2.0.0-split.csv"]);
    assertEquals((await prepare({ images: `${dir}/mimic/files` })).digest, result.digest);

    // As published: gzipped. And without its split, which is drawn then.
    const metadata = `${dir}/mimic/mimic-cxr-2.0.0-metadata.csv`;
    await gzip(metadata);
    await gzip(`${dir}/${set.labels}`);
    assertEquals((await prepare({ labels: `${dir}/${set.labels}.gz` })).digest, result.digest);
    await Deno.remove(`${dir}/mimic/mimic-cxr-2.0.0-split.csv`);
    const told: string[] = [];
    await prepare({
      labels: `${dir}/${set.labels}.gz`,
      onEvent: (event) => void (event.type === "sources" && told.push(event.split)),
    });
    assertEquals(told, ["drawn"]);
    await Deno.remove(`${metadata}.gz`);
    const text = "expected mimic-cxr-2.0.0-metadata.csv in the same folder, because it says which images";
    await assertRejects(() => prepare({ labels: `${dir}/${set.labels}.gz` }), Error, text);
  }));

/** Packs a file, which goes. */
async function gzip(path: string): Promise<void> {
  const packed = new Blob([await Deno.readFile(path)]).stream().pipeThrough(new CompressionStream("gzip"));
  await Deno.writeFile(`${path}.gz`, packed);
  await Deno.remove(path);
}

Deno.test("PadChest: 16-bit films in numbered folders or in one, labels of a list, normal is nothing found", () =>
  inSet(padchest(), async ({ dir, set, prepare }) => {
    const result = await prepare();
    const leftOut = { ...noneLeftOut(), lateral_view: 5, other_view: 1, excluded: 3, unlabelled: 1 };
    assertEquals(result.source, { table: "PadChest", rows: 34, films: 24, leftOut });
    assertEquals(counts(result), { images: 24, patients: 24, positives: 12, splits: [18, 2, 4] });
    assertEquals(
      await bits(dir),
      new Map([
        [labelBits(["Infiltration", "aortic elongation"]), 1],
        [0, 12],
        [labelBits(["Pneumonia", "Effusion"]), 1],
        [labelBits(["Cardiomegaly"]), 10],
      ]),
    );
    for await (const { pixels } of (await Shard.open(`${dir}/shard`)).pixelBlocks()) {
      for (let film = 0; film < 24; film++) assertEquals(pixels[64 * film], film);
    }
    for (const path of set.films) await Deno.rename(`${dir}/${path}`, `${dir}/padchest/${path.slice(11)}`);
    assertEquals((await prepare()).digest, result.digest);
  }));

for (const [name, set, rows] of [["reader", vindrLabels(), 60], ["box", vindrBoxes(), 69]] as const) {
  Deno.test(`VinDr-CXR, a row a ${name}: the majority of three readers, a patient a film, found by its id`, () =>
    inSet(set, async ({ dir, prepare }) => {
      const result = await prepare();
      const leftOut = { ...noneLeftOut(), no_majority: 2 };
      assertEquals(result.source, { table: `VinDr-CXR, a row a ${name}`, rows, films: 18, leftOut });
      assertEquals(counts(result), { images: 18, patients: 18, positives: 9, splits: [14, 2, 2] });
      assertEquals(await bits(dir), new Map([[labelBits(["Effusion"]), 9], [0, 9]]));
    }));
}

Deno.test("VinDr-CXR's test table: a row a film and no reader", () =>
  inSet(vindrLabels(), async ({ dir, set, prepare }) => {
    const [header, ...lines] = set.tables[set.labels].trim().split("\n");
    const consensus = lines.filter((_, i) => i % 3 === 0).map((line) => line.replace(/,R\d+,/, ","));
    const text = [header.replace("rad_id,", "").replace("Other diseases", "Other disease"), ...consensus];
    await Deno.writeTextFile(`${dir}/${set.labels}`, text.join("\n"));
    const { source, images, positives } = await prepare();
    assertEquals([source.rows, source.films, images, positives], [20, 20, 20, 10]);
  }));

Deno.test("RSNA: films without an opacity that are not normal are ill; boxes of a film are one film", () =>
  inSet(rsna(), async ({ dir, prepare }) => {
    const result = await prepare();
    assertEquals(result.source, { table: "RSNA Pneumonia", rows: 24, films: 20, leftOut: noneLeftOut() });
    assertEquals(counts(result), { images: 20, patients: 20, positives: 12, splits: [15, 2, 3] });
    const labels = result.labels.map(({ name, films, reading }) => [name, films, reading]);
    assertEquals(labels, [
      ["Normal", 8, "no finding"],
      ["Lung Opacity", 8, "other"],
      ["No Lung Opacity / Not Normal", 4, "other"],
    ]);
    await Deno.remove(`${dir}/rsna/stage_2_detailed_class_info.csv`);
    await assertRejects(
      () => prepare(),
      Error,
      "expected stage_2_detailed_class_info.csv in the same folder, because Target = 0 alone does not mean normal",
    );
  }));

Deno.test("a film that is named by its id is found with one ending, and not guessed between two", () =>
  inSet(rsna(), async ({ dir, set, prepare }) => {
    const [one, two] = set.films.map((path) => `${dir}/${path}`);
    await Deno.copyFile(one, one.replace("png", "dcm"));
    await Deno.rename(two, two.replace("png", "dicom"));
    const { images, quarantined, quarantine } = await prepare();
    assertEquals([images, quarantined.missing_file], [19, 1]);
    const list = await Deno.readTextFile(quarantine!);
    assert(list.includes("2,0004cfab-14fd-4e49-80ba-63a80b6b0001,missing_file,"), list);
    assert(list.includes("several have its name, with different endings; what is there is"), list);
  }));

Deno.test("what a table's rows have against them is in the quarantine, by line", () =>
  inSet(chexpert(), async ({ dir, set, prepare }) => {
    const lines = set.tables[set.labels].trim().split("\n");
    const path = (line: number) => lines[line - 1].split(",")[0];
    lines.push(
      lines[11],
      lines[12].replace("AP,1.0", "AP,2"),
      "a/b.jpg,Male,50,Frontal,AP,1.0" + ",".repeat(13),
    );
    await Deno.writeTextFile(`${dir}/${set.labels}`, "\uFEFF" + lines.join("\r\n"));
    const { quarantine, quarantined, images } = await prepare({ maxQuarantine: 0.2 });
    assertEquals([images, quarantined.duplicate_row, quarantined.bad_label], [21, 1, 2]);
    assertEquals((await Deno.readTextFile(quarantine!)).trim().split("\n").slice(1), [
      `30,${path(12)},duplicate_row,an Image Index that occurs before (line 12 stays)`,
      `31,${path(13)},bad_label,"No Finding ""2"", not one of 1, 0, -1 or empty"`,
      '32,a/b.jpg,bad_label,"no Path or no patient in Path; Cannot read the image file: it is missing"',
    ]);
  }));

Deno.test("a table whose rules leave no film is refused with their counts", () =>
  inSet(chexpert(), async ({ dir, set, prepare }) => {
    const lines = set.tables[set.labels].split("\n").slice(0, 5);
    await Deno.writeTextFile(`${dir}/${set.labels}`, lines.join("\n"));
    const text =
      "expected films that may be taken, got none: left out by rule are 2 lateral_view, 2 uncertain " +
      "(remedy: say with --uncertain how -1 is read, or name other labels)";
    await assertRejects(() => prepare(), Error, text);
  }));

Deno.test("--uncertain for a table without -1 is refused", () =>
  inSet(rsna(), async ({ prepare }) => {
    await assertRejects(() => prepare({ uncertain: "zero" }), RangeError, "got one read as RSNA Pneumonia");
  }));
