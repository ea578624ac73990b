/** The judge of a peer's certificate: what it takes, its dates, and genuine ones that were altered. */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import type { TLSSocket } from "node:tls";
import { initCa, issue } from "../../../src/fed/pki/ca.ts";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import { issuerOf, onlyCertificate } from "../../../src/fed/pki/issuer.ts";
import { checkTime, judge, type SiloPeer } from "../../../src/fed/pki/peer.ts";
import { peerOf } from "../../../src/fed/wire/tls.ts";
import { inFolder } from "../../testing/folder.ts";
import { judgeAltered } from "../../testing/altered.ts";
import { extension, integer, longTime, octets, sequence, utcTime } from "../../testing/certificates.ts";
import { CA, GOOD, having, hub, judged, silo } from "./handmade_certificates.ts";

Deno.test("judge takes the certificates of `fedx ca` and says whose they are", () =>
  inFolder(async (dir) => {
    await initCa(`${dir}/ca`);
    const ca = issuerOf(await Deno.readTextFile(`${dir}/ca/ca.pem`));
    const now = new Date();
    for (const name of ["a", "clinic-7.north_2", "Z".repeat(64)]) {
      await issue({ name, role: "silo", ca: `${dir}/ca`, out: `${dir}/${name}` });
      const der = onlyCertificate(await Deno.readTextFile(`${dir}/${name}/cert.pem`));
      assertEquals(judge(der, { role: "silo", ca, now }).silo, name);
    }
    const hosts = ["Hub.example", "under_score", "10.0.0.7", "::1", "2001:db8::7", "::ffff:10.0.0.7"];
    await issue({ name: "hub", role: "aggregator", hosts, ca: `${dir}/ca`, out: `${dir}/hub` });
    const der = onlyCertificate(await Deno.readTextFile(`${dir}/hub/cert.pem`));
    for (const host of [...hosts, "hub.example", "2001:db8:0:0::7", "::ffff:a00:7"]) {
      const peer = judge(der, { role: "aggregator", ca, now, host });
      assertEquals(peer.serial.length, 32);
    }
    for (const host of ["example", "x.hub.example", "10.0.0.8", "::2", "hub.example."]) {
      assertThrows(
        () => judge(der, { role: "aggregator", ca, now, host }),
        ProtocolError,
        "one for hub.example",
      );
    }
  }));

Deno.test("judge takes a certificate made by hand, so that the refusals below are for what they say", () => {
  assertEquals((judged("silo", silo()) as SiloPeer).silo, "a");
  assertEquals((judged("silo", having(...GOOD, extension("1.2.3.4", octets()))) as SiloPeer).silo, "a");
  assertEquals(judged("silo", silo({ serial: integer(0, 0x80, 1) })).serial, "8001");
  judged("aggregator", hub(), "LOCALHOST");
  judged("aggregator", hub(), "127.0.0.1");
  const far = sequence(utcTime(new Date(0)), longTime(new Date(Date.UTC(2099, 0))));
  assertEquals(judged("silo", silo({ validity: far })).notAfter, new Date(Date.UTC(2099, 0)));
});

Deno.test("judge refuses a genuine certificate with any bit changed, any byte deleted, and bytes inserted anywhere", async () => {
  const count = await judgeAltered({
    changes: (byte) => Array.from({ length: 8 }, (_, bit) => byte ^ 1 << bit),
    insertions: (byte) => [0x00, 0xff, byte],
  });
  assert(count > 8000, `${count} certificates`);
});

Deno.test("checkTime holds at the very seconds of a certificate's dates, and not beside them", () => {
  const peer = { serial: "1", notBefore: new Date(1000), notAfter: new Date(5000) };
  for (const role of ["silo", "aggregator"] as const) {
    for (const at of [1000, 3000, 5000]) checkTime(peer, { role, now: new Date(at) });
    const early = assertThrows(() => checkTime(peer, { role, now: new Date(999) }), ProtocolError);
    assertStringIncludes(early.remedy, "clock");
    const late = assertThrows(() => checkTime(peer, { role, now: new Date(5001) }), ProtocolError);
    assertEquals(late.code, role === "silo" ? "certificate_expired" : "server_certificate");
    assertStringIncludes(late.remedy, "fedx ca request");
  }
});

Deno.test("peerOf refuses a resumed session, whatever it shows, and a peer that shows nothing to read", () => {
  const socket = (reused: boolean, shown: unknown) =>
    ({ isSessionReused: () => reused, getPeerCertificate: () => shown }) as unknown as TLSSocket;
  for (const role of ["silo", "aggregator"] as const) {
    const raw = role === "silo" ? silo() : hub();
    const wanted = { role, ca: CA, now: new Date() };
    assertEquals(peerOf(socket(false, { raw }), wanted).serial, judged(role, raw).serial);
    assertThrows(() => peerOf(socket(true, { raw }), wanted), ProtocolError, "a resumed session");
    for (const shown of [null, {}]) {
      assertThrows(() => peerOf(socket(false, shown), wanted), ProtocolError, "none that can be read");
    }
  }
});
