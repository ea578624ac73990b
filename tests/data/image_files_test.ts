/** Which files of a folder are images. */
import { assertEquals, assertRejects } from "@std/assert";
import { namedFilms } from "../../src/data/dicom/folder.ts";
import { imageFiles } from "../../src/data/image_files.ts";
import { dicomFile } from "../testing/dicom.ts";
import { inFolder } from "../testing/folder.ts";

/** A folder as an archive's export has it, beside pictures and other files. */
async function fill(dir: string): Promise<void> {
  await Deno.mkdir(`${dir}/PAT1/SER1`, { recursive: true });
  const film = (uid: string, study: string) =>
    dicomFile({ attributes: { "0008,0018": ["UI", uid], "0008,0050": ["SH", study] } });
  await Deno.writeFile(`${dir}/PAT1/SER1/IMG0001`, film("1.2.1", "A1"));
  await Deno.writeFile(`${dir}/PAT1/SER1/IMG0002`, film("1.2.2", "A1"));
  await Deno.writeFile(`${dir}/PAT1/cut.dcm`, film("1.2.3", "A2").slice(0, 200));
  await Deno.writeFile(`${dir}/DICOMDIR`, film("1.2.4", "A3"));
  await Deno.writeTextFile(`${dir}/PAT1/README.txt`, "no film");
  await Deno.writeTextFile(`${dir}/b.png`, "");
  await Deno.symlink(`${dir}/b.png`, `${dir}/a.JPEG`);
  await Deno.symlink(dir, `${dir}/again`);
}

Deno.test("imageFiles: pictures by name, DICOM by its mark, links to files but not to folders, no DICOMDIR", () =>
  inFolder(async (dir) => {
    await fill(dir);
    const series = "PAT1/SER1/";
    assertEquals(await imageFiles(dir), [
      `${series}IMG0001`,
      `${series}IMG0002`,
      "PAT1/cut.dcm",
      "a.JPEG",
      "b.png",
    ]);
    await assertRejects(
      () => imageFiles(`${dir}/none`),
      Error,
      "expected a folder of PNG, JPEG and DICOM files",
    );
  }));

Deno.test("namedFilms: the words by which an archive knows its films; what is cut in its header has none", () =>
  inFolder(async (dir) => {
    await fill(dir);
    assertEquals(await Array.fromAsync(namedFilms(dir)), [
      { path: "PAT1/SER1/IMG0001", sopInstanceUid: "1.2.1", accessionNumber: "A1", patientId: "P1" },
      { path: "PAT1/SER1/IMG0002", sopInstanceUid: "1.2.2", accessionNumber: "A1", patientId: "P1" },
    ]);
  }));
