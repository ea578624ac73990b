/** Folders and files of an archive that this user may not read are passed over, and said to be there. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { parse } from "csv-parse/sync";
import { layoutOf } from "../../src/model/layout.ts";
import { preprocessingOf, saveModel } from "../../src/model/weights/model_file.ts";
import { dicomFile, type DicomOptions } from "../testing/dicom.ts";
import { inFolder } from "../testing/folder.ts";
import { noPermissions, runForbidden } from "../testing/forbidden.ts";

const why = noPermissions();
if (why !== null) console.log(`skipped: images that this user may not read (${why})`);

const FILMS = 12;

/** Films with labels by UID, beside a folder such as a disk's lost+found. */
async function furnish(dir: string): Promise<void> {
  await Deno.mkdir(`${dir}/films/lost+found`, { recursive: true });
  for (let i = 0; i < FILMS; i++) {
    const pixels = Uint8Array.from({ length: 1024 }, (_, at) => (at * (i + 3)) % 256);
    const attributes = {
      "0008,0018": ["UI", `1.2.${i}`],
      "0010,0020": ["LO", `P${i}`],
    } satisfies DicomOptions["attributes"];
    await Deno.writeFile(`${dir}/films/I${i}`, dicomFile({ pixels, attributes }));
  }
  const rows = Array.from({ length: FILMS }, (_, i) => `1.2.${i},${i % 2 ? "Mass" : "No Finding"}`);
  await Deno.writeTextFile(`${dir}/labels.csv`, `SOPInstanceUID,Finding Labels\n${rows.join("\n")}\n`);
  const layout = layoutOf("efficientnet_b0", { channels: 1 });
  const { network, channels } = layout;
  const metadata = { network, channels, size: 32, preprocessing: preprocessingOf(channels) };
  await saveModel(`${dir}/m.safetensors`, new Float32Array(layout.length), layout, metadata);
}

Deno.test({
  name: "prepare and predict go on beside a folder and a film that this user may not read, and say so",
  ignore: why !== null,
  fn: () =>
    inFolder(async (dir) => {
      await furnish(dir);
      const prepare = (out: string) => [
        ...["prepare", "--images", "films", "--labels", "labels.csv", "--size", "32", "--evaluation"],
        ...["--max-quarantine", ".1", "--site", "site", "--out", out],
      ];
      const predict = (out: string) => [
        ...["predict", "--engine", "tfjs", "--model", "m.safetensors", "--images", "films", "--out", out],
      ];
      const [folder, film, ...scored] = await runForbidden([
        { closed: "films/lost+found", args: prepare("a") },
        { closed: "films/I3", args: prepare("b") },
        { closed: "films/lost+found", args: predict("a.csv") },
        { closed: "films/I3", args: predict("b.csv") },
      ], { cwd: dir });
      assertEquals([folder.code, film.code], [0, 0], folder.stderr + film.stderr);
      assertStringIncludes(folder.stderr, "1 folder in films cannot be read, so no row finds a film there");
      assertStringIncludes(film.stderr, "1 file in films cannot be read, so no row finds a film there");
      assertStringIncludes(folder.stdout, `${FILMS} images`);
      assertStringIncludes(film.stdout, `${FILMS - 1} images`);
      assertEquals(scored.map(({ code }) => code), [1, 1]);
      for (const [file, name, rows] of [["a.csv", "lost+found/", 13], ["b.csv", "I3", 12]] as const) {
        const all: Record<string, string>[] = parse(await Deno.readTextFile(`${dir}/${file}`), {
          columns: true,
        });
        assertEquals(all.length, rows);
        const failed = all.filter(({ error }) => error !== "");
        assertEquals(failed.map((row) => row["Image Index"]), [name]);
        assert(failed[0].error.endsWith("this user may not read it"), failed[0].error);
      }
    }),
});
