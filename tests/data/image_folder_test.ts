import { assertEquals, assertRejects } from "@std/assert";
import { ImageFolder } from "../../src/data/image_folder.ts";
import { DataError, unreadable } from "../../src/data/quarantine.ts";
import type { ImageNames } from "../../src/data/table.ts";
import { inFolder } from "../testing/folder.ts";

Deno.test("ImageFolder.locate: links within the folder are followed, those that leave it are outside_folder", () =>
  inFolder(async (dir) => {
    await Deno.mkdir(`${dir}/films/sub`, { recursive: true });
    await Deno.mkdir(`${dir}/films-else`);
    for (const name of ["films/sub/a.png", "films-else/b.png"]) {
      await Deno.writeTextFile(`${dir}/${name}`, name);
    }
    await Deno.symlink("sub/a.png", `${dir}/films/in.png`);
    await Deno.symlink("../films-else/b.png", `${dir}/films/out.png`);
    await Deno.symlink(`${dir}/films-else`, `${dir}/films/linked`);
    await Deno.symlink("gone.png", `${dir}/films/gone.png`);
    await Deno.symlink("loop.png", `${dir}/films/loop.png`);
    await Deno.symlink(`${dir}/films`, `${dir}/named`);
    const folder = await ImageFolder.open(`${dir}/named`, { folders: [] });
    const real = await Deno.realPath(dir);
    const { path, bytes } = await folder.locate("in.png");
    assertEquals([path, bytes], [`${real}/films/sub/a.png`, 15]);
    const reason = async (image: string) =>
      (await assertRejects(() => folder.locate(image), DataError) as DataError).reason;
    const expected = {
      "out.png": "outside_folder",
      "linked/b.png": "outside_folder",
      "../films-else/b.png": "outside_folder",
      "gone.png": "missing_file",
      "loop.png": "missing_file",
      "none.png": "missing_file",
      [`${"n".repeat(300)}.png`]: "missing_file",
    };
    for (const [image, why] of Object.entries(expected)) {
      assertEquals([image, await reason(image)], [image, why]);
    }
  }));

Deno.test("ImageFolder.locate: for a film that is not there, those whose names differ in ending or case alone", () =>
  inFolder(async (dir) => {
    await Deno.mkdir(`${dir}/films/sub`, { recursive: true });
    await Deno.mkdir(`${dir}/images_001`);
    await Deno.symlink("../images_001", `${dir}/films/out`);
    const names = ["IM-0117-0001.jpg", "B.PNG", "c.v2.jpeg", "d.png", "d.jpg", "note.txt", "sub/e.png"];
    for (const name of names) await Deno.writeTextFile(`${dir}/films/${name}`, "");
    await Deno.writeTextFile(`${dir}/images_001/n.png`, "");
    const folder = await ImageFolder.open(`${dir}/films`, { folders: [] });
    const near = async (image: string, of = folder) =>
      (await assertRejects(() => of.locate(image), DataError) as DataError).near;
    const expected = {
      "IM-0117-0001": ["IM-0117-0001.jpg"],
      "b.png": ["B.PNG"],
      "c.v2": ["c.v2.jpeg"],
      "D.dcm": ["d.jpg", "d.png"],
      "sub/e": ["sub/e.png"],
      "out/n": [],
      "note": [],
      "IM-0117": [],
    };
    for (const [image, there] of Object.entries(expected)) {
      assertEquals([image, await near(image)], [image, there]);
    }
    const download = await ImageFolder.open(dir, { folders: ["images_001"] });
    assertEquals(await near("n", download), ["n.png"]);
  }));

Deno.test("ImageFolder.locate: an id with any one ending, and names whose first folder is the image folder, where asked", () =>
  inFolder(async (dir) => {
    await Deno.mkdir(`${dir}/films/1.2.840`, { recursive: true });
    const names = [
      "a.png",
      "b.JPG",
      "c.jpeg",
      "1.2.840.7.dcm",
      "e.dicom",
      "f.png",
      "f.jpg",
      "G.png",
      "1.2.840/h.png",
    ];
    for (const name of [...names, "i.txt"]) await Deno.writeTextFile(`${dir}/films/${name}`, "");
    const open = (names: ImageNames) => ImageFolder.open(`${dir}/films`, { folders: [] }, names);
    const byId = await open({ anyEnding: true }),
      outer = await open({ outerFolder: true }),
      plain = await open({});
    const found = async (folder: ImageFolder, image: string) => {
      const { path } = await folder.locate(image).catch((error: DataError) => ({ path: error.reason }));
      return path.replace(`${folder.path}/`, "");
    };
    const ids = ["a", "b", "c", "1.2.840.7", "e", "./a", "1.2.840/h", "a.png"];
    const files = ["a.png", "b.JPG", "c.jpeg", "1.2.840.7.dcm", "e.dicom", "a.png", "1.2.840/h.png", "a.png"];
    for (const [i, id] of ids.entries()) assertEquals([id, await found(byId, id)], [id, files[i]]);
    for (const id of ["f", "g", "i", "a.jpg", "1.2", "x/a"]) {
      assertEquals([id, await found(byId, id)], [id, "missing_file"]);
    }
    for (const id of ["a", "1.2.840.7"]) assertEquals(await found(plain, id), "missing_file");
    assertEquals(await found(outer, "set-v1.0/a.png"), "a.png");
    assertEquals(await found(outer, "set-v1.0/1.2.840/h.png"), "1.2.840/h.png");
    assertEquals(await found(outer, "1.2.840/h.png"), "1.2.840/h.png");
    assertEquals(await found(outer, "set-v1.0/x/a.png"), "missing_file");
    assertEquals(await found(plain, "set-v1.0/a.png"), "missing_file");
  }));

Deno.test("a film's file that this user may not read is said to be that, and not to be missing", () => {
  const reason = (cause: Error) => unreadable(cause).reason;
  assertEquals(reason(new Deno.errors.PermissionDenied()), "unreadable_file");
  assertEquals(unreadable(new Deno.errors.PermissionDenied()).message.includes("may not read it"), true);
  assertEquals([new Deno.errors.NotFound(), new Error()].map(reason), ["missing_file", "missing_file"]);
});
