/** Certificates made by hand, good ones and every kind of bad one: fields and encodings that no library writes. */
import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { concat, uint } from "../attack/tls13_keys.ts";

type Bytes = Uint8Array<ArrayBuffer>;

const text = (value: string): Bytes => new TextEncoder().encode(value);

/** One element, its length in the shortest form. */
export function tlv(tag: number, ...parts: readonly Uint8Array[]): Bytes {
  const content = concat(...parts), { length } = content;
  const head = length < 0x80
    ? [length]
    : length < 0x100
    ? [0x81, length]
    : [0x82, length >> 8, length & 0xff];
  return concat(Uint8Array.of(tag, ...head), content);
}

export const sequence = (...parts: readonly Uint8Array[]) => tlv(0x30, ...parts);
export const boolean = (byte: number) => tlv(0x01, Uint8Array.of(byte));
export const integer = (...bytes: number[]) => tlv(0x02, Uint8Array.from(bytes));
export const bits = (unused: number, ...parts: readonly Uint8Array[]) =>
  tlv(0x03, Uint8Array.of(unused), ...parts);
export const octets = (...parts: readonly Uint8Array[]) => tlv(0x04, ...parts);
export const utf8 = (value: string) => tlv(0x0c, text(value));
export const utcTime = (date: Date) => tlv(0x17, text(digits(date).slice(2)));
export const longTime = (date: Date) => tlv(0x18, text(digits(date)));

/** Names in a certificate. */
export const names = {
  dns: (value: string) => tlv(0x82, text(value)),
  uri: (value: string) => tlv(0x86, text(value)),
  mail: (value: string) => tlv(0x81, text(value)),
  ip: (...bytes: number[]) => tlv(0x87, Uint8Array.from(bytes)),
};

function digits(date: Date): string {
  return date.toISOString().replace(/[-:T]|\.\d+/g, "");
}

/** An object identifier of numbers below 2^14. */
export function oid(dotted: string): Bytes {
  const [first, second, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((n) => {
    const groups = [n & 0x7f];
    for (let left = n >> 7; left > 0; left >>= 7) groups.unshift(left & 0x7f | 0x80);
    return groups;
  });
  return tlv(0x06, Uint8Array.from(bytes));
}

/** A name that is one common name. */
export function nameOf(common: string): Bytes {
  return sequence(tlv(0x31, sequence(oid("2.5.4.3"), utf8(common))));
}

export const ECDSA_SHA256 = sequence(oid("1.2.840.10045.4.3.2"));
export const USAGE = { server: oid("1.3.6.1.5.5.7.3.1"), client: oid("1.3.6.1.5.5.7.3.2") };

/** An extension; critical where that is `true`. */
export function extension(name: string, value: Uint8Array, critical = false): Bytes {
  return sequence(oid(name), ...critical ? [boolean(0xff)] : [], octets(value));
}

/** The extensions of a good certificate, one by one. */
export const extensions = {
  constraints: extension("2.5.29.19", sequence(), true),
  keyUsage: extension("2.5.29.15", bits(7, Uint8Array.of(0x80)), true),
  usage: (...usages: readonly Uint8Array[]) => extension("2.5.29.37", sequence(...usages)),
  names: (...list: readonly Uint8Array[]) => extension("2.5.29.17", sequence(...list)),
};

/** A pair of keys. @default curve P-256 */
export function keys(namedCurve = "prime256v1"): { publicKey: Bytes; privateKey: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve });
  return { publicKey: new Uint8Array(publicKey.export({ type: "spki", format: "der" })), privateKey };
}

/** What stands in a certificate, each as it is encoded. */
export interface Draft {
  /** null: none, as in version 1. */
  version: Uint8Array | null;
  serial: Uint8Array;
  inner: Uint8Array;
  outer: Uint8Array;
  issuer: Uint8Array;
  validity: Uint8Array;
  subject: Uint8Array;
  key: Uint8Array;
  /** null: none. */
  extensions: readonly Uint8Array[] | null;
  /** After the last field. */
  more: Uint8Array;
  signer: KeyObject;
}

const DAY = 86_400_000;

/** A good certificate of the role, but for the changes. `ca`: whose name and key stand for its authority. */
export function draft(
  role: "silo" | "aggregator",
  ca: { name: Uint8Array; key: KeyObject },
  changes: Partial<Draft> = {},
): Draft {
  const now = Date.now();
  const shown = role === "silo"
    ? [extensions.usage(USAGE.client), extensions.names(names.uri("urn:fedx:silo:a"))]
    : [extensions.usage(USAGE.server), extensions.names(names.dns("localhost"), names.ip(127, 0, 0, 1))];
  return {
    version: tlv(0xa0, integer(2)),
    serial: integer(0x41, ...crypto.getRandomValues(new Uint8Array(15))),
    inner: ECDSA_SHA256,
    outer: ECDSA_SHA256,
    issuer: ca.name,
    validity: sequence(utcTime(new Date(now - DAY)), utcTime(new Date(now + DAY))),
    subject: nameOf(role === "silo" ? "a" : "hub"),
    key: keys().publicKey,
    extensions: [extensions.constraints, extensions.keyUsage, ...shown],
    more: new Uint8Array(),
    signer: ca.key,
    ...changes,
  };
}

/** Writes and signs a certificate. */
export function make(one: Draft): Bytes {
  const list = one.extensions === null ? [] : [tlv(0xa3, sequence(...one.extensions))];
  const { version, serial, inner, issuer, validity, subject, key, more } = one;
  const body = sequence(
    version ?? new Uint8Array(),
    serial,
    inner,
    issuer,
    validity,
    subject,
    key,
    ...list,
    more,
  );
  return sequence(body, one.outer, bits(0, new Uint8Array(sign("sha256", body, one.signer))));
}

/** The same certificate with a byte behind it, and with its length in a longer form. */
export const padded = (der: Uint8Array): Bytes => concat(der, Uint8Array.of(0));
export function longLength(der: Uint8Array): Bytes {
  const length = der.length - 4; // ours are longer than 255 bytes
  return concat(Uint8Array.of(0x30, 0x83), uint(length, 3), der.subarray(4));
}

/** The bytes of a PEM file of one certificate. */
export async function readDer(path: string): Promise<Bytes> {
  const [, base64] = /-----BEGIN CERTIFICATE-----([^-]*)-----/.exec(await Deno.readTextFile(path))!;
  return Uint8Array.fromBase64(base64.replaceAll(/\s/g, ""));
}

/** A file's private key. */
export async function readKey(path: string): Promise<KeyObject> {
  return createPrivateKey(await Deno.readTextFile(path));
}

/** The issuer's name in a certificate of `fedx ca`: the fourth field of what is signed. */
export function issuerIn(der: Uint8Array): Bytes {
  // SEQUENCE, SEQUENCE (four bytes each), version (five), serial (18), algorithm.
  const at = 4 + 4 + 5 + 18 + ECDSA_SHA256.length;
  return der.slice(at, at + 2 + der[at + 1]);
}
