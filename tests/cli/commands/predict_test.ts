import { assertEquals } from "@std/assert";
import { listImages } from "../../../src/cli/commands/predict.ts";
import { inFolder } from "../../testing/folder.ts";

Deno.test("listImages follows links to films and leaves folders out", () =>
  inFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/b.png`, "");
    await Deno.symlink(`${dir}/b.png`, `${dir}/a.JPEG`);
    await Deno.mkdir(`${dir}/folder.png`);
    await Deno.writeTextFile(`${dir}/notes.txt`, "");
    assertEquals(await listImages(dir), ["a.JPEG", "b.png"]);
  }));
