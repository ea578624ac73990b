import { assertEquals, assertNotEquals } from "@std/assert";
import { digest, fileDigest } from "../../src/files/digest.ts";
import { inFolder } from "../testing/folder.ts";

/** SHA-256 of "abc", from FIPS 180-4's examples. */
const ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

Deno.test("digest: a text and its bytes have the published value", () => {
  assertEquals([digest("abc"), digest(new TextEncoder().encode("abc"))], [ABC, ABC]);
});

Deno.test("digest sees every bit and only the view", () => {
  const backing = Float32Array.of(9, 0, 1, 9);
  assertEquals(digest(backing.subarray(1, 3)), digest(Float32Array.of(0, 1)));
  assertNotEquals(digest(Float32Array.of(0, 1)), digest(Float32Array.of(-0, 1)));
});

Deno.test("fileDigest: that of the file's bytes, read in several pieces; null where there is no file", () =>
  inFolder(async (dir) => {
    const bytes = new Uint8Array(3 * (1 << 20) + 5).map((_, i) => i % 251);
    await Deno.writeFile(`${dir}/a`, bytes);
    assertEquals(await fileDigest(`${dir}/a`), digest(bytes));
    assertEquals(await fileDigest(`${dir}/b`), null);
  }));
