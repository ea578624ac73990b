import { assertEquals, assertRejects } from "@std/assert";
import { renameDurably, writeDurably } from "../../src/files/durable.ts";
import { inFolder } from "../testing/folder.ts";

/** What was synced and renamed while `work` went on, in order; a synced folder is told from a synced file. */
async function watched(work: () => Promise<void>): Promise<string[]> {
  const { sync } = Deno.FsFile.prototype, { rename } = Deno;
  const seen: string[] = [];
  Deno.FsFile.prototype.sync = async function () {
    seen.push((await this.stat()).isDirectory ? "sync folder" : "sync file");
    await sync.call(this);
  };
  Deno.rename = async (from, to) => {
    seen.push("rename");
    await rename(from, to);
  };
  try {
    await work();
  } finally {
    Deno.FsFile.prototype.sync = sync;
    Deno.rename = rename;
  }
  return seen;
}

const names = (dir: string) => [...Deno.readDirSync(dir)].map(({ name }) => name).toSorted();

Deno.test("writeDurably syncs the bytes, gives them their name, then syncs the name", () =>
  inFolder(async (dir) => {
    assertEquals(await watched(() => writeDurably(`${dir}/a`, "text")), [
      "sync file",
      "rename",
      "sync folder",
    ]);
    assertEquals(names(dir), ["a"]);
    assertEquals(await Deno.readTextFile(`${dir}/a`), "text");
  }));

Deno.test("renameDurably syncs the folder once the file has its name there", () =>
  inFolder(async (dir) => {
    await Deno.writeTextFile(`${dir}/a.partial`, "text");
    const seen = await watched(() => renameDurably(`${dir}/a.partial`, `${dir}/a`));
    assertEquals(seen, ["rename", "sync folder"]);
  }));

Deno.test("writeDurably writes parts one after the other, for their owner alone unless another mode is given", () =>
  inFolder(async (dir) => {
    await writeDurably(`${dir}/a`, [new Uint8Array([1, 2]), new Uint8Array([3])]);
    await writeDurably(`${dir}/b`, new Uint8Array([4]), { mode: 0o644 });
    assertEquals([...await Deno.readFile(`${dir}/a`)], [1, 2, 3]);
    const modes = await Promise.all(
      ["a", "b"].map(async (name) => (await Deno.stat(`${dir}/${name}`)).mode!),
    );
    assertEquals(modes.map((mode) => mode & 0o777), [0o600, 0o644]);
  }));

Deno.test("writeDurably that fails on the way leaves the old file and nothing else, and tells what failed", () =>
  inFolder(async (dir) => {
    await writeDurably(`${dir}/a`, "old");
    const parts = function* () {
      yield new Uint8Array([1]);
      throw new Error("no more");
    };
    await assertRejects(() => writeDurably(`${dir}/a`, parts()), Error, "no more");
    assertEquals([names(dir), await Deno.readTextFile(`${dir}/a`)], [["a"], "old"]);
    await assertRejects(() => writeDurably(`${dir}/a/b`, "below a file"), Error, "Not a directory");
    // A write says nothing of its file where the disk is full.
    const full = function* () {
      yield new Uint8Array([1]);
      throw new Error("No space left on device (os error 28)");
    };
    const error = await assertRejects(() => writeDurably(`${dir}/a`, full()), Error);
    assertEquals((error as Error & { path?: string }).path, `${dir}/a`);
  }));
