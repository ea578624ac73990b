import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { pack, parseTable, tableText, unpackTable } from "../../tools/pack.ts";
import { inFolder } from "../testing/folder.ts";

/** An ELF image of 64 bytes: a header with no sections, which ends where they would begin. */
function image(): Uint8Array {
  const elf = new Uint8Array(64);
  elf.set([0x7f, 0x45, 0x4c, 0x46]);
  new DataView(elf.buffer).setBigUint64(40, 64n, true);
  return elf;
}

const PART = { path: "a/b.js", mode: 0o644, bytes: 3, sha256: "0".repeat(64) };
const TABLE = { parts: [PART], torch: "2.13.0", roles: { ca: ["--allow-read", "--allow-env"], "-": [] } };

Deno.test("tableText: parseTable reads back what it wrote", () => {
  assertEquals(parseTable(tableText({ ...TABLE, roles: { ca: TABLE.roles.ca } })), {
    ...TABLE,
    roles: { ca: TABLE.roles.ca },
  });
});

Deno.test("tableText: a path out of the folder, or one that would break a line, is refused", () => {
  for (const path of ["../x", "a/../x", "/etc/x", "a b", "a\nrole", ""]) {
    assertThrows(() => tableText({ ...TABLE, parts: [{ ...PART, path }] }), Error, "plain characters");
  }
});

Deno.test("pack: unpackTable takes launcher, sizes and digests out again; the last bytes are the last part's", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/one`, "abc");
    const parts = [{ path: "one", mode: 0o755, source: `${folder}/one` }];
    const out = `${folder}/fedx`;
    const { bytes, build } = await pack({ out, launcher: image(), parts, torch: "2.13.0", roles: {} });
    const { launcher, table } = await unpackTable(out);
    assertEquals(launcher, image());
    const sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; // FIPS 180-4, "abc"
    assertEquals(table.parts, [{ path: "one", mode: 0o755, bytes: 3, sha256 }]);
    const file = await Deno.readFile(out);
    assertEquals([file.length, new TextDecoder().decode(file.subarray(-3))], [bytes, "abc"]);
    const again = await pack({ out, launcher: image(), parts, torch: "2.13.0", roles: {} });
    assertEquals(again.build, build);
  }));

Deno.test("pack: a part that is missing leaves nothing; another program is no one file", () =>
  inFolder(async (folder) => {
    const parts = [{ path: "one", mode: 0o755, source: `${folder}/none` }];
    const options = { out: `${folder}/fedx`, parts, torch: "2.13.0", roles: {} };
    await assertRejects(() => pack({ ...options, launcher: image() }), Deno.errors.NotFound);
    await assertRejects(() => pack({ ...options, launcher: new Uint8Array(64) }), SyntaxError, "ELF");
    assertEquals([...Deno.readDirSync(folder)], []);
    await Deno.writeFile(`${folder}/other`, new Uint8Array([...image(), ...new Uint8Array(80)]));
    await assertRejects(() => unpackTable(`${folder}/other`), SyntaxError, "another program");
  }));
