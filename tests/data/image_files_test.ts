/** Which files of a folder are images. */
import { assertEquals, assertRejects } from "@std/assert";
import { namedFilms } from "../../src/data/dicom/folder.ts";
import { imageFiles } from "../../src/data/image_files.ts";
import { joinChunks } from "../../src/fed/wire/exchange.ts";
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
    assertEquals(await imageFiles(dir), {
      files: [`${series}IMG0001`, `${series}IMG0002`, "PAT1/cut.dcm", "a.JPEG", "b.png"],
      unreadable: [],
    });
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

Deno.test("walk: a pipe, which nobody may ever write to, keeps nobody waiting", () =>
  inFolder(async (dir) => {
    await fill(dir);
    const { success } = await new Deno.Command("mkfifo", { args: [`${dir}/PAT1/pipe.png`] }).output();
    assertEquals(success, true);
    await Deno.symlink(`${dir}/PAT1/pipe.png`, `${dir}/PAT1/link.png`);
    assertEquals((await imageFiles(dir)).files.length, 5);
    assertEquals((await Array.fromAsync(namedFilms(dir))).length, 2);
  }));

/** An item of no stated length with one UID of `length` bytes, which it is 24 bytes longer than. */
function item(length: number): Uint8Array {
  const bytes = new Uint8Array(24 + length);
  bytes.set([0xfe, 0xff, 0x00, 0xe0, 0xff, 0xff, 0xff, 0xff, 0x08, 0, 0x50, 0x11, 0x55, 0x49, length, 0]);
  bytes.fill(0x31, 16, 16 + length);
  bytes.set([0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0], 16 + length);
  return bytes;
}

/** (0008,1140) of no stated length with `bytes` of items; one ends where the first 64 KB of the file do. */
function longSequence(at: number, bytes: number): Uint8Array {
  const first = item(24 + (2 ** 16 - at - 12) % 48);
  return joinChunks([
    Uint8Array.of(0x08, 0, 0x40, 0x11, 0x53, 0x51, 0, 0, 0xff, 0xff, 0xff, 0xff),
    ...[first, ...Array(Math.ceil(bytes / 48)).fill(item(24))],
    Uint8Array.of(0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0),
  ]);
}

Deno.test("namedFilms: a header of any length is read whole, sequences of no stated length too", () =>
  inFolder(async (dir) => {
    const film = dicomFile();
    const group = [0x10, 0, 0x10, 0, 0x50, 0x4e]; // (0010,0010) PN: the patient is told behind the sequence
    const at = film.findIndex((_, i) => group.every((byte, k) => film[i + k] === byte));
    for (const bytes of [100, 70_000, 5_000_000]) {
      const file = [film.subarray(0, at), longSequence(at, bytes), film.subarray(at)];
      await Deno.writeFile(`${dir}/${bytes}`, joinChunks(file));
    }
    const patients = (await Array.fromAsync(namedFilms(dir))).map(({ patientId }) => patientId);
    assertEquals(patients, ["P1", "P1", "P1"]);
  }));
