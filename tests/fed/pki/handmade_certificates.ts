/** Certificates made byte by byte: a CA, and what a silo or an aggregator might show as issued by it. */
import { Buffer } from "node:buffer";
import { createPublicKey } from "node:crypto";
import type { Issuer } from "../../../src/fed/pki/issuer.ts";
import { judge, type Peer, type SiloPeer } from "../../../src/fed/pki/peer.ts";
import {
  bits,
  boolean,
  type Draft,
  draft,
  extension,
  extensions,
  integer,
  keys,
  make,
  nameOf,
  names,
  oid,
  sequence,
  USAGE,
  utcTime,
} from "../../testing/certificates.ts";

type Role = "silo" | "aggregator";

const DAY = 86_400_000;
export const { constraints, keyUsage, usage, names: alternative } = extensions;
export const AUTHORITY = { name: nameOf("the CA"), ...authorityKeys() };
export const CA: Issuer = {
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
export const silo = (changes: Partial<Draft> = {}) => make(draft("silo", AUTHORITY, changes));
export const hub = (changes: Partial<Draft> = {}) => make(draft("aggregator", AUTHORITY, changes));
export const judged = (role: Role, der: Uint8Array, host?: string): Peer | SiloPeer =>
  judge(der, { role, ca: CA, now: new Date(), ...host === undefined ? {} : { host } });

/** A silo's certificate with these extensions. */
export const having = (...list: Uint8Array[]) => silo({ extensions: list });
/** One with these names, and one with these usages. */
export const named = (...list: Uint8Array[]) =>
  having(constraints, keyUsage, usage(USAGE.client), alternative(...list));
export const used = (...list: Uint8Array[]) =>
  having(constraints, keyUsage, usage(...list), alternative(names.uri("urn:fedx:silo:a")));
/** An aggregator's with these names. */
export const hosts = (...list: Uint8Array[]) =>
  hub({ extensions: [constraints, keyUsage, usage(USAGE.server), alternative(...list)] });

export const GOOD = [constraints, keyUsage, usage(USAGE.client), alternative(names.uri("urn:fedx:silo:a"))];
export const URI = names.uri("urn:fedx:silo:a");
export const dates = (from: number, to: number) =>
  sequence(utcTime(new Date(Date.now() + from * DAY)), utcTime(new Date(Date.now() + to * DAY)));
/** A long serial number: its first byte, and 15 more. */
export const serial = (...first: number[]) => integer(...first, ...new Array(15).fill(7));

/** The CA's certificate as somebody might show it as its own. */
export function authority(changes: Partial<Draft> = {}): Uint8Array<ArrayBuffer> {
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
