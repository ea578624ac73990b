/** Which certificates the aggregator refuses of a silo. */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import { concat } from "../../attack/tls13_keys.ts";
import {
  bits,
  boolean,
  draft,
  ECDSA_SHA256,
  extension,
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
import {
  alternative,
  AUTHORITY,
  authority,
  constraints,
  dates,
  GOOD,
  having,
  hub,
  judged,
  keyUsage,
  named,
  serial,
  silo,
  URI,
  usage,
  used,
} from "./handmade_certificates.ts";

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

Deno.test("judge refuses whole certificates that a silo might show, each with what is wrong", () => {
  const cases = ofSilos();
  assert(cases.length >= 60);
  for (const [what, der, got] of cases) {
    const error = assertThrows(() => judged("silo", der), ProtocolError, undefined, what);
    assertStringIncludes(error.got, got, what);
    assertEquals(error.code, what === "expired" ? "certificate_expired" : "not_a_silo", what);
  }
});
