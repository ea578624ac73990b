import { assertEquals } from "@std/assert";
import { exists, isTaken, readTextIfThere, removeIfThere } from "../../src/files/exists.ts";
import { modeOpenToOthers } from "../../src/files/private.ts";
import { inFolder } from "../testing/folder.ts";

Deno.test("exists and isTaken: a file and a folder both are; a link that leads nowhere only takes its name", () =>
  inFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/file`, "text");
    await Deno.symlink(`${dir}/nowhere`, `${dir}/link`);
    const both = async (name: string) => [await exists(`${dir}/${name}`), await isTaken(`${dir}/${name}`)];
    assertEquals([await both("file"), await both("")], [[true, true], [true, true]]);
    assertEquals([await both("link"), await both("nowhere")], [[false, true], [false, false]]);
  }));

Deno.test("readTextIfThere and removeIfThere take a missing file for what it is", () =>
  inFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/a`, "text");
    assertEquals([await readTextIfThere(`${dir}/a`), await readTextIfThere(`${dir}/b`)], ["text", null]);
    await removeIfThere(`${dir}/a`);
    await removeIfThere(`${dir}/a`);
    assertEquals(await exists(`${dir}/a`), false);
  }));

Deno.test("modeOpenToOthers: the mode that others may use, null where only the owner may", () =>
  inFolder(async (dir) => {
    const modes = [];
    for (const mode of [0o700, 0o500, 0o750, 0o701]) {
      await Deno.mkdir(`${dir}/${mode}`);
      await Deno.chmod(`${dir}/${mode}`, mode);
      modes.push(await modeOpenToOthers(`${dir}/${mode}`));
    }
    assertEquals(modes, [null, null, "0750", "0701"]);
  }));
