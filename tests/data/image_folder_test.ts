import { assertEquals, assertRejects } from "@std/assert";
import { ImageFolder } from "../../src/data/image_folder.ts";
import { DataError } from "../../src/data/quarantine.ts";
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
