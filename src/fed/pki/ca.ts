/**
 * A small certificate authority for one federation: who may act as aggregator, and which silo is which.
 *
 * Why our own CA and not the operator's: every hospital must be known by one name that the training
 * protocol can trust, and a certificate whose only purpose is that name (SAN URI `urn:fedx:silo:NAME`)
 * is the least that does it. Keys are EC P-256; a folder handed to a role holds `ca.pem`, `cert.pem`
 * and `key.pem` (mode 0600). `issue` makes key and certificate in one place, for demos and tests; between
 * sites, where no key travels, a request does (certificate_request.ts).
 */
import * as v from "valibot";
import { certify, keyDigest, openAuthority, serial, validity } from "./authority.ts";
import { refuseExisting, refuseOtherCa, writeKey, writeText } from "./key_files.ts";
import { SiloName } from "../protocol/fields.ts";
import { type CertificateRole, CURVE, fingerprintOf, library } from "./x509.ts";

const CA_SECONDS = 3_650 * 86_400;

/** Hosts an aggregator's certificate is valid for when none are given. */
export const DEFAULT_HOSTS: readonly string[] = ["localhost", "127.0.0.1", "::1"];

/** What `initCa` and `issue` wrote. `expires` is an ISO date-time, `fingerprint` the SHA-256 of the DER in hex. */
export interface Issued {
  ca: string;
  cert: string;
  key: string;
  expires: string;
  fingerprint: string;
}

/** What `issue` wrote; `shortened`: the certificate ends with its CA, before its usual time. */
export interface IssuedLeaf extends Issued {
  /** SHA-256 of the public key's SPKI, hex: what hospitals read out to each other. */
  keyDigest: string;
  shortened: boolean;
}

/** @throws {RangeError} the name could not stand in a URI, a file name and a record key. */
export function checkName(name: string): void {
  if (!v.is(SiloName, name)) {
    throw new RangeError(
      `Cannot use the name ${JSON.stringify(name)}: expected 1 to 64 letters, digits, '.', '_' or '-', ` +
        "beginning with a letter or digit",
    );
  }
}

/**
 * Makes a new CA in `dir`: `ca.pem` and `ca-key.pem`, valid ten years.
 *
 * @throws {Deno.errors.AlreadyExists} `dir` already holds a CA; nothing is overwritten.
 */
export async function initCa(dir: string): Promise<Issued> {
  const lib = await library();
  const keys = await crypto.subtle.generateKey(CURVE, true, ["sign", "verify"]);
  const cert = await lib.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: `CN=fedx CA ${serial().slice(0, 8)}`,
    ...validity(CA_SECONDS),
    signingAlgorithm: CURVE,
    keys,
    extensions: [
      new lib.BasicConstraintsExtension(true, 0, true),
      new lib.KeyUsagesExtension(lib.KeyUsageFlags.keyCertSign | lib.KeyUsageFlags.cRLSign, true),
      await lib.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const paths = { ca: `${dir}/ca.pem`, cert: `${dir}/ca.pem`, key: `${dir}/ca-key.pem` };
  await refuseExisting(
    "make a CA",
    [paths.ca, paths.key],
    "choose another folder, or remove that CA yourself",
  );
  await Deno.mkdir(dir, { recursive: true });
  await writeKey(lib, paths.key, keys.privateKey);
  await writeText(paths.ca, cert.toString("pem") + "\n");
  return { ...paths, expires: cert.notAfter.toISOString(), fingerprint: await fingerprintOf(cert) };
}

/** What to put into a certificate. */
export interface IssueOptions {
  name: string;
  role: CertificateRole;
  /** DNS names and IP addresses an aggregator answers under. @default DEFAULT_HOSTS */
  hosts?: readonly string[];
  /** Folder of the CA. */
  ca: string;
  /** Folder to write `ca.pem`, `cert.pem` and `key.pem` into. */
  out: string;
  /** Seconds until it expires, at most until the CA does; negative for an expired one (tests). @default 398 days */
  lifetime?: number;
  /** When its time begins, less an hour (tests). @default now */
  from?: Date;
}

/**
 * Makes a key and issues its certificate.
 *
 * @throws {Deno.errors.NotFound} no CA in `options.ca` · {Error} that CA makes nothing that peers would take ·
 * {Deno.errors.AlreadyExists} `out` holds a certificate, a CA's key or another CA's `ca.pem`.
 */
export async function issue(options: IssueOptions): Promise<IssuedLeaf> {
  checkName(options.name);
  const what = "issue a certificate";
  const lib = await library();
  const authority = await openAuthority(options.ca, what);
  const { out, name, role, hosts = DEFAULT_HOSTS, lifetime, from } = options;
  const paths = { ca: `${out}/ca.pem`, cert: `${out}/cert.pem`, key: `${out}/key.pem` };
  const remedy = "choose another --out";
  await refuseExisting(what, [paths.cert, paths.key, `${out}/ca-key.pem`], remedy);
  await refuseOtherCa(paths.ca, { pem: authority.pem, what, remedy });
  const keys = await crypto.subtle.generateKey(CURVE, true, ["sign", "verify"]);
  const subject = { name, role, hosts, publicKey: keys.publicKey, lifetime, from };
  const { cert, shortened } = await certify(authority, subject);
  await Deno.mkdir(out, { recursive: true });
  await writeKey(lib, paths.key, keys.privateKey);
  await writeText(paths.cert, cert.toString("pem") + "\n");
  await writeText(paths.ca, authority.pem);
  const fingerprint = await fingerprintOf(cert);
  const digest = await keyDigest(keys.publicKey);
  return { ...paths, expires: cert.notAfter.toISOString(), fingerprint, keyDigest: digest, shortened };
}
