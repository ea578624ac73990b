/**
 * A small certificate authority for one federation: who may act as aggregator, and which silo is which.
 *
 * Why our own CA and not the operator's: every hospital must be known by one name that the training
 * protocol can trust, and a certificate whose only purpose is that name (SAN URI `urn:fedx:silo:NAME`)
 * is the least that does it. Keys are EC P-256; a folder handed to a role holds `ca.pem`, `cert.pem`
 * and `key.pem` (mode 0600).
 */
import { writeDurably } from "../model/checkpoint.ts";
import type * as x509 from "@peculiar/x509";
import * as v from "valibot";
import { SiloName } from "./schema.ts";

const CURVE = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
const DAY = 86_400;
const BACKDATE = 3_600;
const CA_DAYS = 3_650;
const LEAF_DAYS = 398;

/** Which EKU and SAN a certificate carries. */
export type CertificateRole = "aggregator" | "silo";

/** Hosts an aggregator's certificate is valid for when none are given. */
export const DEFAULT_HOSTS: readonly string[] = ["localhost", "127.0.0.1", "::1"];

/** The URI that names a silo in its certificate. */
export const siloUri = (name: string): string => `urn:fedx:silo:${name}`;

/** What `initCa` and `issue` wrote. `expires` is an ISO date-time, `fingerprint` the SHA-256 of the DER in hex. */
export interface Issued {
  ca: string;
  cert: string;
  key: string;
  expires: string;
  fingerprint: string;
}

/** The library, loaded on first use: it takes 60 ms, which only `ca` and the start of a networked role pay. */
async function library(): Promise<typeof x509> {
  await import("reflect-metadata");
  return await import("@peculiar/x509");
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
    ...validity(CA_DAYS),
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
  await writeText(paths.ca, cert.toString("pem") + "\n", 0o644);
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
  /** Seconds until it expires, negative for an expired one (tests). @default 398 days */
  lifetime?: number;
}

/**
 * Issues a certificate: serverAuth with the hosts as SANs for an aggregator, clientAuth only with the
 * SAN `urn:fedx:silo:NAME` for a silo, so that a silo's certificate cannot act as a server.
 *
 * @throws {Deno.errors.NotFound} no CA in `options.ca` · {Deno.errors.AlreadyExists} `out` holds a certificate, a
 * CA's key or another CA's `ca.pem`.
 */
export async function issue(options: IssueOptions): Promise<Issued> {
  checkName(options.name);
  const lib = await library();
  const authority = await readCa(lib, options.ca);
  const out = options.out;
  const paths = { ca: `${out}/ca.pem`, cert: `${out}/cert.pem`, key: `${out}/key.pem` };
  await refuseExisting(
    "issue a certificate",
    [paths.cert, paths.key, `${out}/ca-key.pem`],
    "choose another --out",
  );
  const caPem = authority.cert.toString("pem") + "\n";
  await refuseOtherCa(paths.ca, caPem);
  const keys = await crypto.subtle.generateKey(CURVE, true, ["sign", "verify"]);
  const silo = options.role === "silo";
  const cert = await lib.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject: `CN=${options.name}`,
    issuer: authority.cert.subject,
    ...validity(LEAF_DAYS, options.lifetime),
    signingAlgorithm: CURVE,
    publicKey: keys.publicKey,
    signingKey: authority.key,
    extensions: [
      new lib.BasicConstraintsExtension(false, undefined, true),
      new lib.KeyUsagesExtension(lib.KeyUsageFlags.digitalSignature, true),
      new lib.ExtendedKeyUsageExtension([silo ? CLIENT_AUTH : SERVER_AUTH]),
      new lib.SubjectAlternativeNameExtension(
        silo
          ? [{ type: "url", value: siloUri(options.name) }]
          : (options.hosts ?? DEFAULT_HOSTS).map(hostName),
      ),
      await lib.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await lib.AuthorityKeyIdentifierExtension.create(authority.cert.publicKey),
    ],
  });
  await Deno.mkdir(out, { recursive: true });
  await writeKey(lib, paths.key, keys.privateKey);
  await writeText(paths.cert, cert.toString("pem") + "\n", 0o644);
  await writeText(paths.ca, caPem, 0o644);
  return { ...paths, expires: cert.notAfter.toISOString(), fingerprint: await fingerprintOf(cert) };
}

async function readCa(
  lib: typeof x509,
  dir: string,
): Promise<{ cert: x509.X509Certificate; key: CryptoKey }> {
  try {
    const cert = new lib.X509Certificate(await Deno.readTextFile(`${dir}/ca.pem`));
    const der = lib.PemConverter.decodeFirst(await Deno.readTextFile(`${dir}/ca-key.pem`));
    return { cert, key: await crypto.subtle.importKey("pkcs8", der, CURVE, false, ["sign"]) };
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new Deno.errors.NotFound(
      `Cannot issue a certificate: expected ca.pem and ca-key.pem in ${dir}; make a CA with: fedx ca init --out ${dir}`,
      { cause },
    );
  }
}

/** Lower-case hex SHA-256 of the certificate's DER, as `openssl x509 -fingerprint -sha256` without colons. */
async function fingerprintOf(cert: x509.X509Certificate): Promise<string> {
  return new Uint8Array(await cert.getThumbprint("SHA-256")).toHex();
}

function hostName(host: string): x509.JsonGeneralName {
  const ip = host.includes(":") || /^\d+(\.\d+){3}$/.test(host);
  return { type: ip ? "ip" : "dns", value: host };
}

/** 16 random bytes with the top bit clear: a positive serial number. */
function serial(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = bytes[0] & 0x7f | 0x40;
  return bytes.toHex();
}

/** notBefore lies an hour back, so that a clock a little behind does not refuse a fresh certificate. */
function validity(days: number, lifetime = days * DAY): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - BACKDATE * 1000), notAfter: new Date(now + lifetime * 1000) };
}

async function refuseExisting(what: string, paths: string[], remedy: string): Promise<void> {
  for (const path of paths) {
    const there = await Deno.lstat(path).then(() => true, () => false);
    if (there) {
      throw new Deno.errors.AlreadyExists(`Cannot ${what}: expected no ${path}, got one; ${remedy}`);
    }
  }
}

/** `path` is to be missing or to hold `pem`: a folder may stand prepared, but no CA is written over. */
async function refuseOtherCa(path: string, pem: string): Promise<void> {
  const found = await Deno.readTextFile(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return pem;
    throw error;
  });
  if (found === pem) return;
  throw new Deno.errors.AlreadyExists(
    `Cannot issue a certificate: expected no ${path} or this CA's, got another; choose another --out`,
  );
}

async function writeKey(lib: typeof x509, path: string, key: CryptoKey): Promise<void> {
  const der = await crypto.subtle.exportKey("pkcs8", key);
  await writeText(path, lib.PemConverter.encode(der, "PRIVATE KEY") + "\n", 0o600);
}

async function writeText(path: string, text: string, mode: number): Promise<void> {
  await writeDurably(path, new TextEncoder().encode(text), { mode });
}
