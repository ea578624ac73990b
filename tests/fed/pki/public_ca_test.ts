import { assertEquals, assertRejects } from "@std/assert";
import { initCa, issue } from "../../../src/fed/pki/ca.ts";
import { readPublicCa } from "../../../src/fed/pki/public_ca.ts";
import { inFolder } from "../../testing/folder.ts";

Deno.test("readPublicCa gives the authority's certificate and nothing that stood beside it; a key comes through on no way", () =>
  inFolder(async (dir) => {
    const ca = `${dir}/ca`, file = `${dir}/ca.pem`;
    await initCa(ca);
    await issue({ name: "b", role: "silo", ca, out: `${dir}/tls-b` });
    const [pem, key] = await Promise.all(
      [`${ca}/ca.pem`, `${ca}/ca-key.pem`].map((path) => Deno.readTextFile(path)),
    );
    const read = async (text: string) => {
      await Deno.writeTextFile(file, text);
      return (await readPublicCa(file)).pem;
    };
    assertEquals(await read(pem), pem);
    assertEquals(await read(`a note\n${pem}and another\n`), pem);
    for (const path of [ca, `${ca}/`]) {
      await assertRejects(
        () => readPublicCa(path),
        Error,
        `(remedy: name ${ca}/ca.pem; the key beside it stays`,
      );
    }
    const naked = key.replaceAll(/-----.*-----\n/g, "");
    for (
      const [text, got] of [
        [key, "got a private key"],
        [pem + key, "got a private key"],
        [key.replaceAll("PRIVATE KEY", "EC PRIVATE KEY") + pem, "got a private key"],
        [naked, "got 0 certificates"],
        [pem + pem, "got 2 certificates"],
        [await Deno.readTextFile(`${dir}/tls-b/cert.pem`), "one that did not sign itself"],
      ]
    ) {
      await assertRejects(() => read(text), Error, got);
    }
    assertEquals(await read(pem + naked), pem);
  }));
