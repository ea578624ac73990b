import { assertEquals, assertRejects } from "@std/assert";
import { issuedBy, openAuthority } from "../../../src/fed/pki/authority.ts";
import { initCa, issue } from "../../../src/fed/pki/ca.ts";
import { canonical } from "../../../src/files/canonical.ts";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import { revoke } from "../../../src/fed/pki/revoke.ts";
import { readList, signList, verifyList } from "../../../src/fed/pki/revocation.ts";
import { inFolder } from "../../testing/folder.ts";

/** A CA with two certificates of b and one of c, and the aggregator's folder. */
const withSilos = (body: (dir: string) => Promise<void>) =>
  inFolder(async (dir) => {
    const ca = `${dir}/ca`;
    await initCa(ca);
    await issue({ name: "hub", role: "aggregator", ca, out: `${dir}/tls-hub` });
    for (const [name, out] of [["b", "b"], ["b", "b2"], ["c", "c"]]) {
      await issue({ name, role: "silo", ca, out: `${dir}/tls-${out}` });
    }
    await body(dir);
  });

Deno.test("revoke lists every certificate of the name, signed, in canonical JSON, in both folders", () =>
  withSilos(async (dir) => {
    const done = await revoke({ name: "b", ca: `${dir}/ca`, tls: `${dir}/tls-hub` });
    assertEquals([done.number, done.revoked.length, done.known], [1, 2, 0]);
    const text = await Deno.readTextFile(`${dir}/tls-hub/revoked.json`);
    assertEquals(text, canonical(JSON.parse(text)) + "\n");
    assertEquals(await Deno.readTextFile(`${dir}/ca/revoked.json`), text);
    const { list } = (await readList(`${dir}/tls-hub`, await Deno.readTextFile(`${dir}/tls-hub/ca.pem`)))!;
    const issued = (await issuedBy(`${dir}/ca`)).filter((one) => one.name === "b");
    assertEquals(
      list.revoked.map(({ name, serial }) => [name, serial]),
      issued.map((one) => ["b", one.serial]),
    );
  }));

Deno.test("revoke adds to what is refused already, and leaves a certificate made afterwards alone", () =>
  withSilos(async (dir) => {
    const options = { ca: `${dir}/ca`, tls: `${dir}/tls-hub` };
    await revoke({ ...options, name: "b" });
    await issue({ name: "b", role: "silo", ca: options.ca, out: `${dir}/tls-b3` });
    const second = await revoke({ ...options, name: "c" });
    assertEquals([second.number, second.revoked.length], [2, 1]);
    const pem = await Deno.readTextFile(`${dir}/ca/ca.pem`);
    const { list } = (await readList(options.tls, pem))!;
    assertEquals(list.revoked.map((one) => one.name), ["b", "b", "c"]);
    // A list that was lost in one place is made whole from the other.
    await Deno.remove(`${dir}/ca/revoked.json`);
    const third = await revoke({ ...options, name: "b" });
    assertEquals([third.number, third.revoked.length, third.known], [3, 1, 2]);
  }));

Deno.test("revoke: a record that a full disk has cut is none, wherever it stands; a damaged one is named", () =>
  withSilos(async (dir) => {
    const options = { ca: `${dir}/ca`, tls: `${dir}/tls-hub` };
    const record = `${options.ca}/issued.jsonl`;
    const lines = (await Deno.readTextFile(record)).trimEnd().split("\n");
    for (const length of [1, 12, 40, lines[0].length - 1]) {
      const cut = lines[0].slice(0, length);
      await Deno.writeTextFile(record, [lines[0], cut, ...lines.slice(1), cut].join("\n"));
      assertEquals((await issuedBy(options.ca)).map(({ name }) => name), ["hub", "b", "b", "c"]);
    }
    await issue({ name: "d", role: "silo", ca: options.ca, out: `${dir}/tls-d` });
    assertEquals((await revoke({ ...options, name: "d" })).revoked.length, 1);
    for (const damaged of [lines[0].slice(2), lines[0].replace("serial", "s"), `${lines[0].slice(0, 40)}}`]) {
      await Deno.writeTextFile(record, [lines[0], "", damaged, ...lines.slice(1)].join("\n"));
      await assertRejects(() => revoke({ ...options, name: "b" }), SyntaxError, "in line 3");
    }
  }));

Deno.test("revoke refuses an unknown name, an aggregator, another CA's folder, and a list that it would lose", () =>
  withSilos(async (dir) => {
    const options = { ca: `${dir}/ca`, tls: `${dir}/tls-hub` };
    await assertRejects(() => revoke({ ...options, name: "x" }), Error, "(b, c)");
    await assertRejects(() => revoke({ ...options, name: "hub" }), Error, "make a new CA");
    await initCa(`${dir}/foreign`);
    await assertRejects(
      () => revoke({ ...options, name: "b", tls: `${dir}/foreign` }),
      Deno.errors.AlreadyExists,
    );
    await assertRejects(() => Deno.stat(`${dir}/foreign/revoked.json`), Deno.errors.NotFound);
    await Deno.writeTextFile(`${dir}/ca/revoked.json`, "{");
    const error = await assertRejects(() => revoke({ ...options, name: "b" }), ProtocolError);
    assertEquals(error.code, "damaged_revocations");
    assertEquals(await Deno.readTextFile(`${dir}/ca/revoked.json`), "{");
  }));

Deno.test("verifyList refuses every change of a list, another CA's, and a later version; it takes added fields", () =>
  withSilos(async (dir) => {
    await revoke({ name: "b", ca: `${dir}/ca`, tls: `${dir}/tls-hub` });
    const ca = await Deno.readTextFile(`${dir}/ca/ca.pem`);
    const text = await Deno.readTextFile(`${dir}/ca/revoked.json`);
    const refused = async (changed: string, why: string) => {
      const error = await assertRejects(
        () => verifyList(changed, { ca, path: "revoked.json" }),
        ProtocolError,
        why,
      );
      assertEquals(error.code, "damaged_revocations");
    };
    for (let i = 0; i < text.length - 1; i += 5) {
      const other = text[i] === "0" ? "1" : "0";
      const changed = text.slice(0, i) + other + text.slice(i + 1);
      await refused(changed, "revoked.json");
      await refused(text.slice(0, i), "revoked.json");
    }
    const emptied = JSON.parse(text);
    emptied.revoked = [];
    await refused(JSON.stringify(emptied), "another signature");
    await initCa(`${dir}/foreign`);
    const foreign = await openAuthority(`${dir}/foreign`, "test");
    const list = { version: 1 as const, number: 9, updated: new Date().toISOString(), revoked: [] };
    await refused(await signList(list, foreign.key), "another signature");
    const own = await openAuthority(`${dir}/ca`, "test");
    await refused(await signList({ ...list, version: 2 as 1 }, own.key), "version 2");
    await refused(await signList({ ...list, number: 0 }, own.key), "number");
    await refused(" ".repeat(3 << 20), "more than");
    const more = await signList({ ...list, reason: "added later" } as typeof list, own.key);
    assertEquals((await verifyList(more, { ca, path: "revoked.json" })).number, 9);
  }));
