/** The federation's one authority, as `ca.pem` names it. */
import { Buffer } from "node:buffer";
import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { digest } from "../../files/digest.ts";
import { keyOf, readCertificate, signatureOf } from "./der_certificate.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { isAuthority, KEY_USAGE, keyUsage, refuseUnknown } from "./extensions.ts";
import { plural } from "../../plural.ts";

/** Whom certificates must come from. */
export interface Issuer {
  /** Its name as certificates hold it. */
  subject: Uint8Array;
  key: KeyObject;
  notBefore: Date;
  notAfter: Date;
  /**
   * Certificates whose signature was found to be by this key: what is signed and the signature, hex. To find out takes
   * 0.7 ms, and a peer comes back with the same. Only the key's holder adds to it.
   */
  proven: Set<string>;
}

/** The last one that was read: a silo has the same for each of its connections, and to check it takes 0.6 ms. */
let last: { pem: string; issuer: Issuer } | null = null;

/**
 * The authority of a `ca.pem`. Of several certificates each could make silos, and nobody reads the second.
 * @throws {ProtocolError} `damaged_ca`.
 */
export function issuerOf(pem: string): Issuer {
  if (last?.pem !== pem) last = { pem, issuer: readIssuer(pem) };
  return last.issuer;
}

function readIssuer(pem: string): Issuer {
  try {
    const certificate = readCertificate(onlyCertificate(pem));
    const { subject, issuer, signed, extensions, notBefore, notAfter } = certificate;
    const key = createPublicKey({ key: Buffer.from(keyOf(certificate)), format: "der", type: "spki" });
    if (subject.toHex() !== issuer.toHex() || !verify("sha256", signed, key, signatureOf(certificate))) {
      throw new SyntaxError("one that did not sign itself");
    }
    refuseUnknown(extensions);
    if (!isAuthority(extensions) || (keyUsage(extensions) & KEY_USAGE.keyCertSign) === 0) {
      throw new SyntaxError("one that may not make certificates");
    }
    return { subject, key, notBefore, notAfter, proven: new Set() };
  } catch (cause) {
    const expected = "the one certificate of an authority made with `fedx ca init` in ca.pem";
    const got = cause instanceof SyntaxError ? cause.message : "a key that cannot be used";
    throw new ProtocolError("damaged_ca", { expected, got, cause });
  }
}

/** SHA-256 hex of an authority's public key, however its file, PEM, is written. @throws {ProtocolError} `damaged_ca` */
export function caDigest(pem: string): string {
  return digest(issuerOf(pem).key.export({ type: "spki", format: "der" }));
}

/** The DER of the only certificate in a PEM text. @throws {SyntaxError} there is another number of them. */
export function onlyCertificate(pem: string): Uint8Array<ArrayBuffer> {
  const found = [...pem.matchAll(/-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]*)-----END CERTIFICATE-----/g)];
  const begun = pem.split("-----BEGIN").length - 1;
  if (found.length !== 1 || begun !== 1) throw new SyntaxError(plural(begun, "certificate"));
  return Uint8Array.fromBase64(found[0][1].replaceAll(/\s/g, ""));
}
