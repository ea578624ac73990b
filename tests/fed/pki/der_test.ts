import { assert, assertEquals, assertThrows } from "@std/assert";
import { type Der, oidText, readDer } from "../../../src/fed/pki/der.ts";
import { draft, integer, keys, make, nameOf, oid, sequence, tlv } from "../../testing/certificates.ts";

/** Writes what was read, every length in its shortest form. */
function write({ tag, content, parts }: Der): Uint8Array {
  return tlv(tag, ...parts.length > 0 ? parts.map(write) : [content]);
}

Deno.test("readDer takes only what it would write, of a certificate and everything near it", () => {
  const { privateKey: key } = keys();
  const genuine = make(draft("silo", { name: nameOf("the CA"), key }));
  assertEquals(write(readDer(genuine)), genuine);
  let taken = 0;
  for (let at = 0; at < genuine.length; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const near = genuine.slice();
      near[at] ^= 1 << bit;
      let read: Der;
      try {
        read = readDer(near);
      } catch (error) {
        assert(error instanceof SyntaxError, `${at}.${bit}: ${error}`);
        continue;
      }
      assertEquals(write(read), near, `${at}.${bit}`);
      taken++;
    }
  }
  assert(taken > 1000, "most changes of keys, names and signatures are still DER");
});

Deno.test("readDer refuses every encoding that DER has another for", () => {
  const cases: [string, string][] = [
    ["a boolean of 1", "010101"],
    ["a boolean of two bytes", "0102ffff"],
    ["an empty integer", "0200"],
    ["an integer with a zero before it", "02020001"],
    ["a negative integer with ff before it", "0202ff80"],
    ["unused bits that are set", "0303070181"],
    ["eight unused bits", "03020800"],
    ["unused bits of nothing", "030107"],
    ["no count of unused bits", "0300"],
    ["a null with content", "050100"],
    ["an identifier that goes on", "060188"],
    ["an identifier with a zero before a number", "06032a8001"],
    ["an empty identifier", "0600"],
    ["text that is not UTF-8", "0c02c328"],
    ["a character that is not printable", "130140"],
    ["a character that is not ASCII", "1602c3a9"],
    ["a set out of order", "3106020102020101"],
    ["a set with the same twice", "3106020101020101"],
    ["a length of one byte too many", "02810101"],
    ["a length of two bytes too many", "0282000101"],
    ["a length left open", "30800201010000"],
    ["a length of four bytes", "02840000000101"],
    ["a constructed text", "2c030c0161"],
    ["a tag of another class", "410101"],
    ["a tag of many bytes", "1f810101"],
    ["a context tag of many bytes", "9f810101"],
    ["less than it says", "020501"],
    ["only a tag", "02"],
    ["something after the end", "0201010201"],
    ["too many inside one another", nested(40)],
  ];
  for (const [what, hex] of cases) {
    assertThrows(() => readDer(Uint8Array.fromHex(hex)), SyntaxError, undefined, what);
  }
});

function nested(depth: number): string {
  let inner = sequence();
  for (let i = 0; i < depth; i++) inner = sequence(inner);
  return inner.toHex();
}

Deno.test("oidText reads object identifiers as people write them", () => {
  for (const name of ["2.5.29.17", "1.3.6.1.5.5.7.3.2", "1.2.840.10045.4.3.2", "2.5.4.3", "0.9.1"]) {
    assertEquals(oidText(readDer(oid(name)).content), name);
  }
  assertEquals(oidText(Uint8Array.of(0x88, 0x37, 3)), "2.999.3");
  assertEquals(readDer(integer(5)).parts, []);
});
