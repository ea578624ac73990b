import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { createPublicKey } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { initCa, issue } from "../../../src/fed/pki/ca.ts";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import { type Issuer, issuerOf, onlyCertificate } from "../../../src/fed/pki/issuer.ts";
import { checkTime, judge, type Peer, type SiloPeer } from "../../../src/fed/pki/peer.ts";
import { peerOf } from "../../../src/fed/wire/tls.ts";
import {
  bits,
  boolean,
  type Draft,
  draft,
  ECDSA_SHA256,
  extension,
  extensions,
  integer,
  keys,
  longLength,
  longTime,
  make,
  nameOf,
  names,
  octets,
  oid,
  padded,
  sequence,
  tlv,
  USAGE,
  utcTime,
  utf8,
} from "../../testing/certificates.ts";
import { concat } from "../../attack/tls13_keys.ts";
import { inFolder } from "../../testing/folder.ts";
import { judgeAltered } from "../../testing/altered.ts";

type Role = "silo" | "aggregator";

const DAY = 86_400_000;
const { constraints, keyUsage, usage, names: alternative } = extensions;
const AUTHORITY = { name: nameOf("the CA"), ...authorityKeys() };
const CA: Issuer = {
  subject: AUTHORITY.name,
  key: createPublicKey({ key: Buffer.from(AUTHORITY.publicKey), format: "der", type: "spki" }),
  notBefore: new Date(0),
  notAfter: new Date(Date.now() + 10 * DAY),
  proven: new Set(),
};

function authorityKeys() {
  const { publicKey, privateKey } = keys();
  return { publicKey, key: privateKey };
}

/** A certificate of the CA, good but for the changes. */
const silo = (changes: Partial<Draft> = {}) => make(draft("silo", AUTHORITY, changes));
const hub = (changes: Partial<Draft> = {}) => make(draft("aggregator", AUTHORITY, changes));
const judged = (role: Role, der: Uint8Array, host?: string): Peer | SiloPeer =>
  judge(der, { role, ca: CA, now: new Date(), ...host === undefined ? {} : { host } });

/** A silo's certificate with these extensions. */
const having = (...list: Uint8Array[]) => silo({ extensions: list });
/** One with these names, and one with these usages. */
const named = (...list: Uint8Array[]) =>
  having(constraints, keyUsage, usage(USAGE.client), alternative(...list));
const used = (...list: Uint8Array[]) =>
  having(constraints, keyUsage, usage(...list), alternative(names.uri("urn:fedx:silo:a")));
/** An aggregator's with these names. */
const hosts = (...list: Uint8Array[]) =>
  hub({ extensions: [constraints, keyUsage, usage(USAGE.server), alternative(...list)] });

const GOOD = [constraints, keyUsage, usage(USAGE.client), alternative(names.uri("urn:fedx:silo:a"))];
const URI = names.uri("urn:fedx:silo:a");
const dates = (from: number, to: number) =>
  sequence(utcTime(new Date(Date.now() + from * DAY)), utcTime(new Date(Date.now() + to * DAY)));
/** A long serial number: its first byte, and 15 more. */
const serial = (...first: number[]) => integer(...first, ...new Array(15).fill(7));

/** Whole certificates that a silo might show, and what is said of them. */
function ofSilos(): [string, Uint8Array, string][] {
  const foreign = keys();
  const sameName = { name: AUTHORITY.name, key: foreign.privateKey };
  const intermediate = { name: nameOf("intermediate"), key: foreign.privateKey };
  const good = silo();
  const changed = (part: Uint8Array, other: Uint8Array) => replaced(good, part, other);
  return [
    ["no SAN", having(constraints, keyUsage, usage(USAGE.client)), "none with the extension alternativeName"],
    ["an empty SAN", named(), "another name than one silo's URI"],
    ["two SANs", named(URI, names.uri("urn:fedx:silo:b")), "another name than one silo's URI"],
    ["the same SAN twice", named(URI, URI), "another name than one silo's URI"],
    ["a DNS name beside the URI", named(URI, names.dns("a")), "another name than one silo's URI"],
    ["DNS for URI", named(names.dns("urn:fedx:silo:a")), "another name than one silo's URI"],
    ["a mail address for URI", named(names.mail("urn:fedx:silo:a")), "another name than one silo's URI"],
    ["another URI", named(names.uri("urn:other:silo:a")), "a URI that names no silo"],
    ["a URI without a name", named(names.uri("urn:fedx:silo:")), "a URI that names no silo"],
    ["a name that no silo has", named(names.uri("urn:fedx:silo:../a")), "a URI that names no silo"],
    ["a URI with a zero byte", named(names.uri("urn:fedx:silo:a\0b")), "a URI that names no silo"],
    ["a URI in capitals", named(names.uri("URN:fedx:silo:a")), "a URI that names no silo"],
    [
      "names that are no list",
      having(constraints, keyUsage, usage(USAGE.client), extension("2.5.29.17", utf8("a"))),
      "names of another form",
    ],
    [
      "a CA as leaf",
      having(extension("2.5.29.19", sequence(boolean(0xff)), true), ...GOOD.slice(1)),
      "an authority's certificate",
    ],
    ["no basic constraints", having(...GOOD.slice(1)), "none with the extension basicConstraints"],
    [
      "CA false spelt out",
      having(extension("2.5.29.19", sequence(boolean(0)), true), ...GOOD.slice(1)),
      "basic constraints of another form",
    ],
    [
      "CA true as 1",
      having(extension("2.5.29.19", sequence(boolean(1)), true), ...GOOD.slice(1)),
      "a boolean of another form",
    ],
    [
      "a key that signs certificates",
      having(constraints, extension("2.5.29.15", bits(2, Uint8Array.of(0x84)), true), ...GOOD.slice(2)),
      "an authority's certificate",
    ],
    [
      "a key that signs nothing",
      having(constraints, extension("2.5.29.15", bits(5, Uint8Array.of(0x20)), true), ...GOOD.slice(2)),
      "an authority's certificate",
    ],
    ["by an intermediate", make(draft("silo", intermediate)), "one issued by CN=intermediate"],
    ["foreign with the same name", make(draft("silo", sameName)), "one that another key signed in its name"],
    [
      "self-signed",
      make(draft("silo", { name: nameOf("a"), key: foreign.privateKey })),
      "one issued by CN=a",
    ],
    ["the CA itself", authority(), "one of another role"],
    ["expired", silo({ validity: dates(-2, -1) }), "one that expired on"],
    ["early", silo({ validity: dates(1, 2) }), "one that is good from"],
    ["an aggregator's", hub(), "one of the role aggregator"],
    ["both roles", used(USAGE.client, USAGE.server), "one of another role"],
    ["the usage twice", used(USAGE.client, USAGE.client), "one of another role"],
    ["any usage", used(oid("2.5.29.37.0")), "one of another role"],
    ["no usage", having(constraints, keyUsage, alternative(URI)), "none with the extension extendedKeyUsage"],
    ["the curve P-384", silo({ key: keys("secp384r1").publicKey }), "another key than one of P-256"],
    ["the curve secp256k1", silo({ key: keys("secp256k1").publicKey }), "another key than one of P-256"],
    ["a compressed point", silo({ key: compressed(keys().publicKey) }), "another key than one of P-256"],
    [
      "an extension twice",
      having(...GOOD, alternative(names.uri("urn:fedx:silo:b"))),
      "the extension 2.5.29.17 twice",
    ],
    [
      "an unknown critical extension",
      having(...GOOD, extension("2.5.29.30", sequence(), true)),
      "the unknown critical extension 2.5.29.30",
    ],
    [
      "critical false spelt out",
      having(...GOOD, sequence(oid("2.5.29.14"), boolean(0), octets(octets()))),
      "an extension of another form",
    ],
    [
      "an extension of three values",
      having(...GOOD, sequence(oid("2.5.29.14"), octets(), octets())),
      "an extension of another form",
    ],
    ["no extensions", silo({ extensions: [] }), "extensions of another form"],
    ["version 1", silo({ version: null }), "a certificate of version 1"],
    [
      "version 1 spelt out",
      silo({ version: tlv(0xa0, integer(0)) }),
      "a certificate of another version than 3",
    ],
    ["version 2", silo({ version: tlv(0xa0, integer(1)) }), "a certificate of another version than 3"],
    ["version 4", silo({ version: tlv(0xa0, integer(3)) }), "a certificate of another version than 3"],
    ["unique identifiers", silo({ more: tlv(0x81, Uint8Array.of(0, 1)) }), "a certificate with other fields"],
    ["a negative serial number", silo({ serial: serial(0x81) }), "a serial number out of range"],
    ["the serial number 0", silo({ serial: integer(0) }), "a serial number out of range"],
    [
      "a serial number of 21 bytes",
      silo({ serial: serial(1, 2, 3, 4, 5, 6) }),
      "a serial number out of range",
    ],
    [
      "a serial number with a zero before it",
      silo({ serial: serial(0, 0x41) }),
      "an integer in a longer form",
    ],
    [
      "another algorithm outside",
      silo({ outer: sequence(oid("1.2.840.10045.4.3.3")) }),
      "two different signature algorithms",
    ],
    [
      "another algorithm inside",
      silo({ inner: sequence(oid("1.2.840.10045.4.3.3")) }),
      "another signature algorithm",
    ],
    [
      "the algorithm with a null",
      silo({
        inner: sequence(oid("1.2.840.10045.4.3.2"), tlv(5)),
        outer: sequence(oid("1.2.840.10045.4.3.2"), tlv(5)),
      }),
      "another signature algorithm",
    ],
    [
      "a null in the algorithm outside",
      silo({ outer: sequence(oid("1.2.840.10045.4.3.2"), tlv(5)) }),
      "two different signature algorithms",
    ],
    ["a byte behind it", padded(good), "1 bytes after the end"],
    ["a certificate behind it", concat(good, good), "bytes after the end"],
    ["a longer form of its length", longLength(good), "a length in a longer form"],
    [
      "an open length",
      concat(Uint8Array.of(0x30, 0x80), good.subarray(4), new Uint8Array(2)),
      "a length that is left open",
    ],
    [
      "a longer form of a length inside",
      changed(ECDSA_SHA256, concat(Uint8Array.of(0x30, 0x81, 0x0a), ECDSA_SHA256.subarray(2))),
      "a length in a longer form",
    ],
    ["a second signature", extended(good, bits(0)), "elements that do not belong there"],
    ["a signature cut by a byte", good.subarray(0, good.length - 1), "an element that is cut short"],
    ["nothing", new Uint8Array(), "an element that is cut short"],
    ["a text", new TextEncoder().encode("-----BEGIN CERTIFICATE-----"), "an element that is cut short"],
    [
      "a time of another zone",
      silo({
        validity: sequence(tlv(0x17, new TextEncoder().encode("260101000000+0100")), utcTime(new Date())),
      }),
      "a time of another form",
    ],
    [
      "a time without seconds",
      silo({ validity: sequence(tlv(0x17, new TextEncoder().encode("2601010000Z")), utcTime(new Date())) }),
      "a time of another form",
    ],
    [
      "the 31st of February",
      silo({ validity: sequence(tlv(0x17, new TextEncoder().encode("260231000000Z")), utcTime(new Date())) }),
      "a time that does not exist",
    ],
    [
      "a long time for a near one",
      silo({ validity: sequence(longTime(new Date(0)), longTime(new Date())) }),
      "a time in a longer form",
    ],
    [
      "a subject that is not UTF-8",
      silo({ subject: sequence(tlv(0x31, sequence(oid("2.5.4.3"), tlv(0x0c, Uint8Array.of(0xff))))) }),
      "a text that is not UTF-8",
    ],
    [
      "a subject in an unknown text type",
      silo({ subject: sequence(tlv(0x31, sequence(oid("2.5.4.3"), tlv(0x1e, Uint8Array.of(0, 97))))) }),
      "an element of tag 30",
    ],
    ["a tag of many bytes", silo({ subject: tlv(0x3f, Uint8Array.of(0x81, 0)) }), "an element"],
    [
      "more than it needs",
      silo({ extensions: [...GOOD, extension("2.5.29.14", octets(new Uint8Array(20_000)))] }),
      "bytes",
    ],
  ];
}

/** Whole certificates that an aggregator might show. */
function ofAggregators(): [string, Uint8Array, string][] {
  return [
    ["a silo's", silo(), "one of the role silo"],
    ["another host's", hosts(names.dns("hub.example")), "one for hub.example"],
    ["a wildcard", hosts(names.dns("localhost"), names.dns("*.example")), "another name than hosts"],
    ["a wildcard of everything", hosts(names.dns("*")), "another name than hosts"],
    [
      "the host as common name only",
      hub({ subject: nameOf("localhost"), extensions: [constraints, keyUsage, usage(USAGE.server)] }),
      "none with the extension alternativeName",
    ],
    ["no host", hosts(), "no host's name"],
    [
      "a URI beside the host",
      hosts(names.dns("localhost"), names.uri("urn:fedx:silo:a")),
      "another name than hosts",
    ],
    [
      "a mail address beside the host",
      hosts(names.dns("localhost"), names.mail("a@b.c")),
      "another name than hosts",
    ],
    ["a host with a zero byte", hosts(names.dns("localhost\0.example")), "another name than hosts"],
    ["a host with a dot behind it", hosts(names.dns("localhost.")), "another name than hosts"],
    ["an address as DNS name", hosts(names.dns("127.0.0.1")), "another name than hosts"],
    ["an address of five bytes", hosts(names.ip(127, 0, 0, 0, 1)), "another name than hosts"],
    ["a network for an address", hosts(names.ip(127, 0, 0, 0, 255, 0, 0, 0)), "another name than hosts"],
    ["expired", hub({ validity: dates(-2, -1) }), "one that expired on"],
    ["early", hub({ validity: dates(1, 2) }), "one that is good from"],
    ["version 1", hub({ version: null }), "a certificate of version 1"],
    ["a byte behind it", padded(hub()), "1 bytes after the end"],
  ];
}

/** The CA's certificate as somebody might show it as its own. */
function authority(changes: Partial<Draft> = {}): Uint8Array<ArrayBuffer> {
  const sign = extension("2.5.29.15", bits(1, Uint8Array.of(0x06)), true);
  const list = [
    extension("2.5.29.19", sequence(boolean(0xff), integer(0)), true),
    sign,
    usage(oid("2.5.29.37.0")),
  ];
  return make(
    draft("silo", AUTHORITY, {
      subject: AUTHORITY.name,
      key: AUTHORITY.publicKey,
      extensions: list,
      ...changes,
    }),
  );
}

function compressed(key: Uint8Array): Uint8Array {
  const [algorithm, x] = [key.slice(2, 23), key.slice(27, 59)];
  return sequence(algorithm, bits(0, Uint8Array.of(2), x));
}

/** The outer element with one more element in it. */
function extended(der: Uint8Array, more: Uint8Array): Uint8Array {
  return sequence(der.subarray(4), more);
}

/** With the last occurrence of `part` replaced, and the outer length as it must be. */
function replaced(der: Uint8Array, part: Uint8Array, other: Uint8Array): Uint8Array {
  const at = Buffer.from(der).lastIndexOf(part);
  return sequence(der.subarray(4, at), other, der.subarray(at + part.length));
}

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

Deno.test("judge refuses whole certificates that a silo might show, each with what is wrong", () => {
  const cases = ofSilos();
  assert(cases.length >= 60);
  for (const [what, der, got] of cases) {
    const error = assertThrows(() => judged("silo", der), ProtocolError, undefined, what);
    assertStringIncludes(error.got, got, what);
    assertEquals(error.code, what === "expired" ? "certificate_expired" : "not_a_silo", what);
  }
});

Deno.test("judge refuses whole certificates that an aggregator might show, each with what is wrong", () => {
  for (const [what, der, got] of ofAggregators()) {
    const error = assertThrows(() => judged("aggregator", der, "localhost"), ProtocolError, undefined, what);
    assertStringIncludes(error.got, got, what);
    assertEquals(error.code, "server_certificate", what);
  }
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

const pem = (der: Uint8Array) =>
  `-----BEGIN CERTIFICATE-----\n${der.toBase64()}\n-----END CERTIFICATE-----\n`;

Deno.test("issuerOf takes one self-signed authority of P-256, and says what else lies in ca.pem", () => {
  const good = authority();
  assertEquals(issuerOf(pem(good)).subject, AUTHORITY.name);
  assertEquals(issuerOf(`a comment\n${pem(good)}`).subject, AUTHORITY.name);
  const other = keys();
  const cases: [string, string, string][] = [
    ["a bundle", pem(good) + pem(authority()), "2 certificates"],
    [
      "a key beside it",
      `${pem(good)}-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----`,
      "2 certificates",
    ],
    ["nothing", "", "0 certificates"],
    ["no base64", "-----BEGIN CERTIFICATE-----\n%\n-----END CERTIFICATE-----", "1 certificates"],
    ["a leaf", pem(silo({ issuer: nameOf("a") })), "one that did not sign itself"],
    ["another's signature", pem(authority({ signer: other.privateKey })), "one that did not sign itself"],
    [
      "no authority",
      pem(silo({ subject: AUTHORITY.name, key: AUTHORITY.publicKey })),
      "one that may not make certificates",
    ],
    ["another curve", pem(authority({ key: keys("secp384r1").publicKey })), "another key than one of P-256"],
    ["a byte behind it", pem(padded(good)), "1 bytes after the end"],
  ];
  for (const [what, text, got] of cases) {
    const error = assertThrows(() => issuerOf(text), ProtocolError, undefined, what);
    assertEquals(error.code, "damaged_ca");
    assertStringIncludes(error.got, got, what);
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
