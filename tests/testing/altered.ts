/** A genuine certificate, altered by one byte in every place. */
import { assertThrows } from "@std/assert";
import { initCa, issue } from "../../src/fed/pki/ca.ts";
import { ProtocolError } from "../../src/fed/protocol/errors.ts";
import { issuerOf, onlyCertificate } from "../../src/fed/pki/issuer.ts";
import { judge } from "../../src/fed/pki/peer.ts";
import { concat } from "../attack/tls13_keys.ts";
import { inFolder } from "./folder.ts";

/** Which bytes come in place of one, and which are put before it. */
export interface Alterations {
  changes(byte: number): Iterable<number>;
  insertions(byte: number): Iterable<number>;
}

/** Each alteration, with what was done. */
function* altered(der: Uint8Array, by: Alterations): Iterable<[Uint8Array, string]> {
  for (let at = 0; at <= der.length; at++) {
    const [before, after] = [der.subarray(0, at), der.subarray(at)];
    for (const byte of by.insertions(der[at] ?? 0x30)) {
      yield [concat(before, Uint8Array.of(byte), after), `${byte} inserted at ${at}`];
    }
    if (at === der.length) return;
    yield [concat(before, after.subarray(1)), `deleted at ${at}`];
    for (const byte of by.changes(der[at])) {
      const changed = der.slice();
      changed[at] = byte;
      yield [changed, `${byte} at ${at}`];
    }
  }
}

/** Has a silo's and an aggregator's certificate judged, which are good, and every altered one; returns how many. */
export async function judgeAltered(by: Alterations): Promise<number> {
  let count = 0;
  await inFolder(async (dir) => {
    await initCa(`${dir}/ca`);
    const ca = issuerOf(await Deno.readTextFile(`${dir}/ca/ca.pem`));
    const now = new Date();
    for (const role of ["silo", "aggregator"] as const) {
      await issue({ name: "a", role, ca: `${dir}/ca`, out: `${dir}/${role}` });
      const der = onlyCertificate(await Deno.readTextFile(`${dir}/${role}/cert.pem`));
      judge(der, { role, ca, now });
      for (const [other, what] of altered(der, by)) {
        assertThrows(() => judge(other, { role, ca, now }), ProtocolError, undefined, what);
        count++;
      }
      judge(der, { role, ca, now });
    }
  });
  return count;
}
