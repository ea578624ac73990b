import { assertEquals, assertRejects } from "@std/assert";
import { readAt, writeAll, writeAllSync } from "../../src/files/whole.ts";
import { inFolder } from "../testing/folder.ts";

Deno.test("readAt fills the whole buffer or says where the file ends", () =>
  inFolder(async (dir) => {
    await Deno.writeFile(`${dir}/x`, new Uint8Array([1, 2, 3]));
    using file = await Deno.open(`${dir}/x`);
    const two = new Uint8Array(2);
    await readAt(file, 1, two);
    assertEquals([...two], [2, 3]);
    await assertRejects(() => readAt(file, 2, two), RangeError, "the file ends at 3");
  }));

Deno.test("writeAll and writeAllSync go on where the system has written only a part", async () => {
  const written: number[] = [];
  const writeSync = (bytes: Uint8Array) => (written.push(bytes[0]), 1);
  const file = { write: (bytes: Uint8Array) => Promise.resolve(writeSync(bytes)), writeSync };
  await writeAll(file, new Uint8Array([1, 2, 3]));
  writeAllSync(file, new Uint8Array([4, 5]));
  assertEquals(written, [1, 2, 3, 4, 5]);
});
