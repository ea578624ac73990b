/** A small imitation of the download as its publisher hands it out: header, folders and lists word for word. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { findNih } from "../../src/data/nih.ts";
import { drawPhantom, HOSPITALS } from "../../src/data/phantom/phantom.ts";
import { prepareShard } from "../../src/data/prepare.ts";
import { encodePng } from "../../src/data/sharp.ts";
import { Shard } from "../../src/data/shard.ts";
import { inFolder } from "../testing/folder.ts";
import { seeded } from "../testing/random.ts";

const HEADER = "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position," +
  "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]";
const PATIENTS = 120, FOLDERS = 12;

/** Films of `PATIENTS` patients, two each, dealt over twelve folders; patients from 90 on are the official test set. */
async function download(dir: string, options: { comma: boolean; table?: string }): Promise<void> {
  const random = seeded(8);
  const lines: string[] = [];
  const lists: Record<"train_val" | "test", string[]> = { train_val: [], test: [] };
  for (let film = 0; film < 2 * PATIENTS; film++) {
    const patient = film >> 1;
    const finding = patient % 3 === 0;
    const split = patient < 90 ? "train" : "test";
    const { pixels, findings } = drawPhantom(HOSPITALS.a, { size: 32, finding, split, random });
    const name = `${String(patient + 1).padStart(8, "0")}_${String(film & 1).padStart(3, "0")}.png`;
    const folder = `${dir}/images_${
      String(1 + Math.floor(film * FOLDERS / 2 / PATIENTS)).padStart(3, "0")
    }/images`;
    await Deno.mkdir(folder, { recursive: true });
    await Deno.writeFile(`${folder}/${name}`, await encodePng(pixels, 32));
    const label = findings.join("|") || "No Finding";
    lines.push(
      `${name},${label},${film & 1},${patient + 1},57,M,PA,2682,2749,0.143,0.143${options.comma ? "," : ""}`,
    );
    lists[split === "train" ? "train_val" : "test"].push(name);
  }
  const text = [HEADER + (options.comma ? "," : ""), ...lines].join("\n") + "\n";
  await Deno.writeTextFile(`${dir}/${options.table ?? "Data_Entry_2017.csv"}`, text);
  await Deno.writeTextFile(`${dir}/train_val_list.txt`, lists.train_val.join("\n"));
  await Deno.writeTextFile(`${dir}/test_list.txt`, lists.test.join("\r\n") + "\r\n");
  await Deno.writeTextFile(`${dir}/README_CHESTXRAY.pdf`, "");
}

/** Prepares the download with the labels found there. */
async function prepare(dir: string): ReturnType<typeof prepareShard> {
  return await prepareShard({
    images: dir,
    labels: (await findNih(dir)).labels!,
    size: 32,
    out: `${dir}-shard`,
    site: `${dir}-site`,
    force: true,
  });
}

async function inDownload(
  options: { comma: boolean; table?: string },
  work: (dir: string) => Promise<void>,
): Promise<void> {
  await inFolder(async (folder) => {
    await download(`${folder}/nih`, options);
    await work(`${folder}/nih`);
  });
}

for (const options of [{ comma: true }, { comma: false, table: "Data_Entry_2017_v2020.csv" }]) {
  Deno.test(`prepareShard: the NIH download (${options.table ?? "a comma at each line's end"}) with its official split`, () =>
    inDownload(options, async (dir) => {
      const { splits, quarantine, images } = await prepare(dir);
      assertEquals([images, quarantine], [2 * PATIENTS, null]);
      // 10 % of 30 patients with and 60 without a finding.
      assertEquals(splits, {
        train: { images: 162, patients: 81, positives: 54 },
        val: { images: 18, patients: 9, positives: 6 },
        test: { images: 60, patients: 30, positives: 20 },
      });
      const shard = await Shard.open(`${dir}-shard`, { verify: true });
      const names = await shard.names();
      const official = (await Deno.readTextFile(`${dir}/test_list.txt`)).trim().split(/\r\n/);
      assertEquals([...shard.rows("test")].map((row) => names[row]), official);
      assertEquals(names[0], "00000001_000.png");
      assert(/^[0-9a-f]{64}$/.test(shard.manifest.sources.lists!));
    }));
}

Deno.test("prepareShard: a patient in both NIH lists, and an image in both or in none, are left out", () =>
  inDownload({ comma: true }, async (dir) => {
    const edit = async (name: string, change: (lines: string[]) => string[]) => {
      const lines = (await Deno.readTextFile(`${dir}/${name}`)).trim().split(/\r?\n/);
      await Deno.writeTextFile(`${dir}/${name}`, change(lines).join("\n"));
    };
    // Patient 5's second film moves to test, patient 7's first is in both, patient 100's first in neither.
    await edit("train_val_list.txt", (lines) => lines.filter((line) => line !== "00000005_001.png"));
    await edit(
      "test_list.txt",
      (lines) =>
        [...lines, "00000005_001.png", "00000007_000.png"].filter((line) => line !== "00000100_000.png"),
    );
    const { quarantined, images } = await prepare(dir);
    assertEquals([quarantined.patient_in_two_splits, quarantined.bad_label, images], [4, 1, 235]);
    const list = await Deno.readTextFile(`${dir}-shard.quarantine.csv`);
    assert(
      list.includes(
        "200,00000100_000.png,bad_label,an Image Index in neither train_val_list.txt nor test_list.txt",
      ),
    );
  }));

Deno.test("prepareShard: a labels file with a column split of its own wins over NIH's lists", () =>
  inDownload({ comma: false }, async (dir) => {
    const lines = (await Deno.readTextFile(`${dir}/Data_Entry_2017.csv`)).trim().split("\n");
    const own = lines.map((line, i) =>
      i === 0 ? `${line},split` : `${line},${(i - 1) % 240 < 60 ? "test" : "train"}`
    );
    await Deno.writeTextFile(`${dir}/own.csv`, own.join("\n"));
    const { splits } = await prepareShard({
      images: dir,
      labels: `${dir}/own.csv`,
      size: 32,
      out: `${dir}-shard`,
      site: `${dir}-site`,
    });
    assertEquals([splits.test.images, splits.train.images + splits.val.images], [60, 180]);
    const names = await (await Shard.open(`${dir}-shard`)).names();
    assertEquals((await Shard.open(`${dir}-shard`)).rows("test").length, 60);
    assertEquals(names[[...(await Shard.open(`${dir}-shard`)).rows("test")][0]], "00000001_000.png");
  }));

Deno.test("findNih: of two labels files that of 2020; one list alone is refused; archives unpacked in one place", () =>
  inDownload({ comma: true }, async (dir) => {
    await Deno.copyFile(`${dir}/Data_Entry_2017.csv`, `${dir}/Data_Entry_2017_v2020.csv`);
    const found = await findNih(dir);
    assertEquals(found.labels, `${dir}/Data_Entry_2017_v2020.csv`);
    assertEquals([found.folders.length, found.folders[11]], [12, "images_012/images"]);
    await Deno.mkdir(`${dir}/images`);
    for (const folder of found.folders) {
      for await (const { name } of Deno.readDir(`${dir}/${folder}`)) {
        await Deno.rename(`${dir}/${folder}/${name}`, `${dir}/images/${name}`);
      }
      await Deno.remove(`${dir}/${folder.split("/")[0]}`, { recursive: true });
    }
    assertEquals((await findNih(dir)).folders, ["images"]);
    assertEquals((await prepare(dir)).images, 2 * PATIENTS);
    await Deno.remove(`${dir}/test_list.txt`);
    await assertRejects(() => prepare(dir), Error, "got no test_list.txt (remedy: add it");
    await Deno.remove(`${dir}/train_val_list.txt`);
    assertEquals((await prepare(dir)).splits.test.patients, 18);
  }));

Deno.test("findNih: a folder of films is no download", () =>
  inFolder(async (dir) => {
    await Deno.mkdir(`${dir}/images`);
    assertEquals(await findNih(dir), { folders: [] });
  }));
