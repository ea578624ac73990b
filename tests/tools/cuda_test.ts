import { assertEquals, assertRejects } from "@std/assert";
import { cudaOf, intoCache } from "../../tools/cuda.ts";
import { inFolder } from "../testing/folder.ts";

Deno.test("cudaOf: CUDA 13 is taken, another CUDA and none are refused with the remedy", () =>
  inFolder(async (folder) => {
    const claim = (line: string) => Deno.writeTextFile(`${folder}/version.py`, `${line}\nhip = None\n`);
    await claim("cuda: Optional[str] = '13.0'");
    assertEquals(await cudaOf(folder), "13.0");
    await claim("cuda: Optional[str] = '12.8'");
    await assertRejects(() => cudaOf(folder), Error, "got CUDA 12.8; install torch from pip's default index");
    await claim("cuda: Optional[str] = None");
    await assertRejects(() => cudaOf(folder), Error, "got none; install");
  }));

Deno.test("intoCache fills a folder once, and leaves nothing where filling it fails", () =>
  inFolder(async (folder) => {
    const fail = () => Promise.reject(new Error("no network"));
    await assertRejects(() => intoCache(`${folder}/cache/x`, fail), Error, "no network");
    assertEquals([...Deno.readDirSync(`${folder}/cache`)], []);
    const fill = (tree: string) => Deno.writeTextFile(`${tree}/file`, "a");
    assertEquals(await intoCache(`${folder}/cache/x`, fill), true);
    assertEquals(await intoCache(`${folder}/cache/x`, fail), false);
    assertEquals(await Deno.readTextFile(`${folder}/cache/x/file`), "a");
  }));
