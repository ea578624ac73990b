/**
 * Judges the certificate that a peer showed. Everything that fedx knows about a peer comes from here.
 *
 * Why not Deno's check alone (2.9.3): its server lets every handshake pass and refuses afterwards, which a resumed
 * session skips; its client compares only names for certificates of version 1 and for those that are not quite DER,
 * and then does not look at the handshake's signature either. So the peer's own bytes are read strictly: for a
 * certificate of version 3 in DER, Deno does prove that the peer holds its key, and who made it is proven here.
 *
 * Serial numbers identify a certificate, never digests of its bytes: whoever sees an ECDSA signature can write another
 * one that is as good.
 */
import { verify } from "node:crypto";
import * as v from "valibot";
import { type Der, oidText, TAG, textOf } from "./der.ts";
import { type Certificate, keyOf, nameText, readCertificate, signatureOf } from "./der_certificate.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { type Extensions, isAuthority, KEY_USAGE, keyUsage, refuseUnknown, valueOf } from "./extensions.ts";
import type { Issuer } from "./issuer.ts";
import { SiloName } from "../protocol/fields.ts";
import { hostIn, NAME, namesHost } from "./host.ts";
import { type CertificateRole, EKU, siloUri } from "./x509.ts";

/** Who a good certificate says that the peer is. */
export interface Peer {
  /** Serial number of the certificate, lower-case hex. */
  serial: string;
  notBefore: Date;
  notAfter: Date;
}

/** A silo, by name. */
export interface SiloPeer extends Peer {
  silo: string;
}

/** What a certificate must be. `host`: the host that it must name, where one was connected to. */
export type Wanted =
  | { role: "silo"; ca: Issuer; now: Date }
  | { role: "aggregator"; ca: Issuer; now: Date; host?: string };

/** Both values and the remedy, as `ProtocolError` takes them. */
interface Texts {
  expected: string;
  got: string;
  remedy?: string;
}

/** The remedy where a certificate's time has not come. */
export const CLOCK = "set this machine's clock if it is wrong";

/**
 * Whom a certificate, DER, names.
 * @throws {ProtocolError} `not_a_silo` or `certificate_expired` for a silo's, `server_certificate` for an aggregator's.
 */
export function judge(raw: Uint8Array, wanted: Wanted & { role: "silo" }): SiloPeer;
export function judge(raw: Uint8Array, wanted: Wanted): Peer;
export function judge(raw: Uint8Array, wanted: Wanted): Peer | SiloPeer {
  try {
    const certificate = readCertificate(raw);
    const { serial, notBefore, notAfter, extensions } = certificate;
    const peer = { serial, notBefore, notAfter };
    checkIssuer(certificate, wanted);
    keyOf(certificate);
    checkTime(peer, wanted);
    checkRole(extensions, wanted.role);
    const names = valueOf(extensions, "alternativeName");
    if (names.tag !== TAG.sequence) throw new SyntaxError("names of another form");
    if (wanted.role === "silo") return { ...peer, silo: siloIn(names.parts) };
    checkHost(names.parts.map(hostIn), wanted.host);
    return peer;
  } catch (cause) {
    if (!(cause instanceof SyntaxError)) throw cause;
    const expected = `a certificate of the form that this CA gives the role ${wanted.role}`;
    throw refusedPeer(wanted.role, { expected, got: cause.message }, cause);
  }
}

/** Whether a certificate's time has come and not passed, at `now`. @throws {ProtocolError} as `judge`. */
export function checkTime(peer: Peer, wanted: { role: CertificateRole; now: Date }): void {
  const { role, now } = wanted;
  const fault = outOfTime(peer, now);
  if (fault === null) return;
  const { got, early } = fault;
  const expected = `a certificate that is good on ${now.toISOString()}`;
  if (early) throw refusedPeer(role, { expected, got, remedy: CLOCK });
  if (role === "silo") throw new ProtocolError("certificate_expired", { expected, got });
  const remedy = `have the aggregator's operator get another (fedx ca request, fedx ca sign), or ${CLOCK}`;
  throw refusedPeer(role, { expected, got, remedy });
}

/** What is wrong with these dates at `now`, for a sentence that says “got …”; null for nothing. */
export function outOfTime(
  { notBefore, notAfter }: { notBefore: Date; notAfter: Date },
  now: Date,
): { got: string; early: boolean } | null {
  if (now >= notBefore && now <= notAfter) return null;
  if (now < notBefore) return { got: `one that is good from ${notBefore.toISOString()} on`, early: true };
  return { got: `one that expired on ${notAfter.toISOString()}`, early: false };
}

/** A refusal of a peer that has this role, or says so. */
export function refusedPeer(role: CertificateRole, texts: Texts, cause?: unknown): ProtocolError {
  return new ProtocolError(role === "silo" ? "not_a_silo" : "server_certificate", { ...texts, cause });
}

/** The signature is by this CA's key, over exactly what the certificate says. */
function checkIssuer(certificate: Certificate, { role, ca }: Wanted): void {
  const named = certificate.issuer.toHex() === ca.subject.toHex();
  if (named && isSigned(certificate, ca)) return;
  const issuer = nameText(certificate.issuer);
  throw refusedPeer(role, {
    expected: `a certificate of this CA (${nameText(ca.subject)})`,
    got: named ? "one that another key signed in its name" : `one issued by ${issuer}`,
    ...role === "aggregator" && {
      remedy: "use the ca.pem of the CA that issued it, if the aggregator's operator confirms that CA",
    },
  });
}

function isSigned(certificate: Certificate, { key, proven }: Issuer): boolean {
  const { signed } = certificate;
  const signature = signatureOf(certificate);
  const exactly = `${signed.toHex()} ${signature.toHex()}`;
  if (proven.has(exactly)) return true;
  const good = verify("sha256", signed, key, signature);
  if (good) proven.add(exactly);
  return good;
}

/** No authority's certificate, for this role and no other. */
function checkRole(extensions: Extensions, role: CertificateRole): void {
  refuseUnknown(extensions);
  const usages = valueOf(extensions, "extendedKeyUsage").parts.map(({ content }) => oidText(content));
  if (usages.length !== 1 || usages[0] !== EKU[role]) {
    const other = role === "silo" ? "aggregator" : "silo";
    throw refusedPeer(role, {
      expected: `a certificate of the role ${role}`,
      got: usages.join() === EKU[other] ? `one of the role ${other}` : "one of another role",
      ...role === "aggregator" && {
        remedy: "have the aggregator's operator look at its --tls: another process may be answering here",
      },
    });
  }
  const usage = keyUsage(extensions);
  const signs = (usage & KEY_USAGE.digitalSignature) !== 0 && (usage & KEY_USAGE.keyCertSign) === 0;
  if (isAuthority(extensions) || !signs) throw new SyntaxError("an authority's certificate");
}

/** The name in the one URI. */
function siloIn(names: Der[]): string {
  const [first] = names;
  if (names.length !== 1 || first.tag !== NAME.uri) throw new SyntaxError("another name than one silo's URI");
  const uri = textOf(first.content);
  const name = uri.slice(siloUri("").length);
  if (uri !== siloUri(name) || !v.is(SiloName, name)) throw new SyntaxError("a URI that names no silo");
  return name;
}

function checkHost(hosts: string[], host?: string): void {
  if (hosts.length === 0) throw new SyntaxError("no host's name");
  if (host === undefined || namesHost(hosts, host)) return;
  throw refusedPeer("aggregator", {
    expected: `a certificate for ${host}`,
    got: `one for ${hosts.join(", ").slice(0, 200)}`,
    remedy: `connect to a host that it names, or have it made again with --host ${host}`,
  });
}
