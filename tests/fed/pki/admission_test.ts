import { assertEquals, assertRejects } from "@std/assert";
import { Admission, type ListMemory, type SeenLists } from "../../../src/fed/pki/admission.ts";
import { issuedBy } from "../../../src/fed/pki/authority.ts";
import { initCa, issue } from "../../../src/fed/pki/ca.ts";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import type { FedEvent } from "../../../src/fed/protocol/event.ts";
import { revoke } from "../../../src/fed/pki/revoke.ts";
import { inFolder } from "../../testing/folder.ts";

const code = async (check: Promise<unknown>) => (await assertRejects(() => check, ProtocolError)).code;

Deno.test("Admission refuses a certificate from the moment it is revoked, and only that one", () =>
  inFolder(async (dir) => {
    const [ca, tls] = [`${dir}/ca`, `${dir}/hub`];
    await initCa(ca);
    await issue({ name: "hub", role: "aggregator", ca, out: tls });
    for (const name of ["a", "b"]) await issue({ name, role: "silo", ca, out: `${dir}/${name}` });
    const serial = async (name: string) => (await issuedBy(ca)).findLast((one) => one.name === name)!.serial;
    const [a, b] = [{ silo: "a", serial: await serial("a") }, { silo: "b", serial: await serial("b") }];
    const admission = await Admission.open(tls, { ca: await Deno.readTextFile(`${ca}/ca.pem`) });
    await admission.check(a);
    await admission.check(b);
    await revoke({ name: "b", ca, tls });
    assertEquals(await code(admission.check(b)), "certificate_revoked");
    await admission.check(a);
    await issue({ name: "b", role: "silo", ca, out: `${dir}/b2` });
    await admission.check({ silo: "b", serial: await serial("b") });
  }));

Deno.test("Admission serves nobody while the list is damaged, older or gone, says so once, and goes on when it is right", () =>
  inFolder(async (dir) => {
    const [ca, tls] = [`${dir}/ca`, `${dir}/hub`];
    await initCa(ca);
    for (const name of ["a", "b"]) await issue({ name, role: "silo", ca, out: `${dir}/${name}` });
    await revoke({ name: "a", ca, tls });
    const first = await Deno.readTextFile(`${tls}/revoked.json`);
    await revoke({ name: "b", ca, tls });
    const second = await Deno.readTextFile(`${tls}/revoked.json`);
    const events: FedEvent[] = [];
    const pem = await Deno.readTextFile(`${ca}/ca.pem`);
    const admission = await Admission.open(tls, { ca: pem, onEvent: (event) => void events.push(event) });
    const good = { silo: "c", serial: "41" };
    for (const text of [second.slice(0, -20), first, null, "{}"]) {
      if (text === null) await Deno.remove(`${tls}/revoked.json`);
      else await Deno.writeTextFile(`${tls}/revoked.json`, text);
      const before = events.length;
      for (let i = 0; i < 3; i++) assertEquals(await code(admission.check(good)), "damaged_revocations");
      assertEquals(events.slice(before).map((event) => event.type), ["warning"]);
      if (text === null || text === "{}") continue;
      await Deno.writeTextFile(`${tls}/revoked.json`, second);
      await admission.check(good);
    }
    assertEquals(
      await code(Admission.open(tls, { ca: pem })),
      "damaged_revocations",
    );
  }));

Deno.test("Admission knows after a restart which list was the newest, by CA, however ca.pem is written", () =>
  inFolder(async (dir) => {
    const [ca, tls] = [`${dir}/ca`, `${dir}/hub`];
    await initCa(ca);
    await issue({ name: "a", role: "silo", ca, out: `${dir}/a` });
    await revoke({ name: "a", ca, tls });
    const first = await Deno.readTextFile(`${tls}/revoked.json`);
    await revoke({ name: "a", ca, tls });
    let kept: SeenLists | null = null;
    const memory: ListMemory = { get: () => kept, set: (seen) => void (kept = seen) };
    const numbers = () => Object.values(kept ?? {});
    const open = async (from = ca, written = (pem: string) => pem) => {
      return await Admission.open(tls, { ca: written(await Deno.readTextFile(`${from}/ca.pem`)), memory });
    };
    await open();
    assertEquals(numbers(), [2]);
    const same = [(pem: string) => pem.replaceAll("\n", "\r\n"), (pem: string) => `the CA\n${pem}\n`];
    for (const text of [first, null]) {
      if (text === null) await Deno.remove(`${tls}/revoked.json`);
      else await Deno.writeTextFile(`${tls}/revoked.json`, text);
      for (const written of [undefined, ...same]) {
        const error = await assertRejects(() => open(ca, written), ProtocolError, "list 2 or a later one");
        assertEquals(error.code, "damaged_revocations");
      }
    }
    const other = `${dir}/other`;
    await initCa(other);
    await (await open(other)).check({ silo: "a", serial: "41" });
    assertEquals(numbers(), [2], "a CA without a list has nothing to remember");
    await issue({ name: "a", role: "silo", ca: other, out: `${dir}/other-a` });
    await revoke({ name: "a", ca: other, tls });
    await open(other);
    assertEquals(numbers(), [2, 1]);
    await Deno.remove(`${tls}/revoked.json`);
    for (const from of [ca, other]) await assertRejects(() => open(from), ProtocolError, "or a later one");
  }));
