/**
 * What only the holder of a CA's key can do: make a certificate, and know which ones it made.
 *
 * Why a record: a certificate is revoked by its serial number, which only its maker knows once the certificate has
 * gone to a hospital. `issued.jsonl` gets its line before the certificate exists anywhere, so none is missing.
 */
import type * as x509 from "@peculiar/x509";
import * as v from "valibot";
import { appendLine } from "../../files/append_line.ts";
import { readTextIfThere } from "../../files/exists.ts";
import { refusal } from "../../refusal.ts";
import { attempt, keyMatches } from "./own_certificate.ts";
import { issuerOf, onlyCertificate } from "./issuer.ts";
import { refuseReadableKey } from "./key_files.ts";
import { CLOCK, outOfTime } from "./peer.ts";
import {
  alternativeNames,
  type CertificateRole,
  CURVE,
  EKU,
  fingerprintOf,
  library,
  SerialNumber,
} from "./x509.ts";

const DAY = 86_400;
const BACKDATE = 3_600;
const LEAF_DAYS = 398;

/** An opened CA: its folder, certificate and key. */
export interface Authority {
  dir: string;
  cert: x509.X509Certificate;
  key: CryptoKey;
  /** ca.pem as it is handed out. */
  pem: string;
}

const IssuedSchema = v.object({
  version: v.literal(1),
  serial: SerialNumber,
  name: v.string(),
  role: v.picklist(["aggregator", "silo"]),
  /** SHA-256 of the public key's SPKI. */
  key: v.string(),
  /** ISO date-time. */
  expires: v.string(),
});

/** A certificate that this CA has made. */
export type IssuedRecord = v.InferOutput<typeof IssuedSchema>;

/**
 * Opens the CA in `dir`; `what` completes “Cannot …”.
 *
 * @throws {Deno.errors.NotFound} there is none · {Error} others may read its key, its two files do not belong together,
 * or its time is over: nobody would take what it makes.
 */
export async function openAuthority(dir: string, what: string): Promise<Authority> {
  const lib = await library();
  try {
    await refuseReadableKey(`${dir}/ca-key.pem`, { lost: "make a new CA and new certificates" });
    const cert = await Deno.readTextFile(`${dir}/ca.pem`), key = await Deno.readTextFile(`${dir}/ca-key.pem`);
    checkAuthority({ cert, key }, `Cannot ${what} with the CA in ${dir}`);
    const read = new lib.X509Certificate(cert);
    const der = lib.PemConverter.decodeFirst(key);
    return {
      dir,
      cert: read,
      key: await crypto.subtle.importKey("pkcs8", der, CURVE, false, ["sign"]),
      pem: read.toString("pem") + "\n",
    };
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new Deno.errors.NotFound(
      `Cannot ${what}: expected ca.pem and ca-key.pem in ${dir}; make a CA with: fedx ca init --out ${dir}`,
      { cause },
    );
  }
}

/** @throws {Error} a sentence that begins with `cannot`: peers would refuse what these files make. */
function checkAuthority({ cert, key }: { cert: string; key: string }, cannot: string): void {
  const refuse = (expected: string, got: string, remedy: string): never => {
    throw refusal(Error, { what: cannot, expected, got, remedy });
  };
  const issuer = attempt(() => issuerOf(cert), ({ expected, got }) => {
    return refuse(expected, got, "put back the ca.pem that its certificates were handed out with");
  });
  if (!keyMatches(onlyCertificate(cert), key)) {
    const remedy =
      "put both files of one CA there, or make a new CA with fedx ca init, and new certificates with it";
    refuse("the key of its ca.pem in ca-key.pem", "another key or none", remedy);
  }
  const now = new Date();
  const fault = outOfTime(issuer, now);
  if (fault === null) return;
  const remedy = `make a new CA with fedx ca init, and new certificates with it, or ${CLOCK}`;
  refuse(`a CA that is good on ${now.toISOString()}`, fault.got, fault.early ? CLOCK : remedy);
}

/** What a certificate is to say. */
export interface Subject {
  name: string;
  role: CertificateRole;
  /** DNS names and IP addresses of an aggregator. */
  hosts: readonly string[];
  publicKey: CryptoKey;
  /** Seconds until it expires, at most until the CA does; negative for an expired one (tests). @default 398 days */
  lifetime?: number;
  /** When its time begins, less an hour (tests). @default now */
  from?: Date;
}

/** A certificate that was made; `shortened`: it would have outlived its CA, and ends with it. */
export interface Certified {
  cert: x509.X509Certificate;
  shortened: boolean;
}

/**
 * Records and makes a certificate: serverAuth with the hosts as SANs for an aggregator, clientAuth only with the SAN
 * `urn:fedx:silo:NAME` for a silo, so that a silo's certificate cannot act as a server.
 */
export async function certify(authority: Authority, subject: Subject): Promise<Certified> {
  const lib = await library();
  const { name, role, publicKey } = subject;
  const names = alternativeNames(role, subject);
  const serialNumber = serial();
  const dates = validity(subject.lifetime ?? LEAF_DAYS * DAY, subject.from);
  const end = authority.cert.notAfter;
  const shortened = dates.notAfter > end;
  if (shortened) dates.notAfter = end;
  const record: IssuedRecord = {
    version: 1,
    serial: serialNumber,
    name,
    role,
    key: await keyDigest(publicKey),
    expires: dates.notAfter.toISOString(),
  };
  await appendLine(`${authority.dir}/issued.jsonl`, JSON.stringify(record));
  const cert = await lib.X509CertificateGenerator.create({
    serialNumber,
    subject: `CN=${name}`,
    issuer: authority.cert.subjectName, // in its very encoding: peers compare bytes
    ...dates,
    signingAlgorithm: CURVE,
    publicKey,
    signingKey: authority.key,
    extensions: [
      new lib.BasicConstraintsExtension(false, undefined, true),
      new lib.KeyUsagesExtension(lib.KeyUsageFlags.digitalSignature, true),
      new lib.ExtendedKeyUsageExtension([EKU[role]]),
      new lib.SubjectAlternativeNameExtension(names),
      await lib.SubjectKeyIdentifierExtension.create(publicKey),
      await lib.AuthorityKeyIdentifierExtension.create(authority.cert.publicKey),
    ],
  });
  return { cert, shortened };
}

/** What every record begins with. */
const BEGINNING = '{"version":1,"serial":"';

/**
 * Every certificate that this CA has made, oldest first. A record that a full disk has cut short is none: the
 * certificate is made once its record is whole.
 * @throws {SyntaxError} a line is damaged.
 */
export async function issuedBy(dir: string): Promise<IssuedRecord[]> {
  const path = `${dir}/issued.jsonl`;
  const text = await readTextIfThere(path) ?? "";
  return text.split("\n").flatMap((line, index) => {
    if (line === "" || isCut(line)) return [];
    try {
      return [v.parse(IssuedSchema, JSON.parse(line))];
    } catch (cause) {
      throw new SyntaxError(
        `Cannot read ${path}: expected a record in line ${index + 1}, got something else; ` +
          "restore the file from a copy, or repair that line",
        { cause },
      );
    }
  });
}

function isCut(line: string): boolean {
  return !line.includes("}") && (line.startsWith(BEGINNING) || BEGINNING.startsWith(line));
}

/** SHA-256 of a public key's SPKI, hex: what two people compare to know that they speak of one key. */
export async function keyDigest(key: CryptoKey): Promise<string> {
  return await fingerprintOf({ rawData: await crypto.subtle.exportKey("spki", key) });
}

/** 16 random bytes whose top bits are 01: a positive serial number of fixed length. */
export function serial(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = bytes[0] & 0x7f | 0x40;
  return bytes.toHex();
}

/** notBefore lies an hour back, so that a clock a little behind does not refuse a fresh certificate. */
export function validity(lifetime: number, from = new Date()): { notBefore: Date; notAfter: Date } {
  const start = from.getTime();
  return { notBefore: new Date(start - BACKDATE * 1000), notAfter: new Date(start + lifetime * 1000) };
}
