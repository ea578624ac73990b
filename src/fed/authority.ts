/**
 * What only the holder of a CA's key can do: make a certificate, and know which ones it made.
 *
 * Why a record: a certificate is revoked by its serial number, which only its maker knows once the certificate has
 * gone to a hospital. `issued.jsonl` gets its line before the certificate exists anywhere, so none is missing.
 */
import type * as x509 from "@peculiar/x509";
import * as v from "valibot";
import { refuseReadableKey } from "./key_files.ts";
import { alternativeNames, type CertificateRole, CURVE, EKU, fingerprintOf, library } from "./x509.ts";

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
  /** As certificates show it: lower-case hex. */
  serial: v.pipe(v.string(), v.regex(/^[0-9a-f]{2,40}$/)),
  name: v.string(),
  role: v.picklist(["aggregator", "silo"]),
  /** SHA-256 of the public key's SPKI. */
  key: v.string(),
  /** ISO date-time. */
  expires: v.string(),
});

/** A certificate that this CA has made. */
export type IssuedRecord = v.InferOutput<typeof IssuedSchema>;

/** @throws {Deno.errors.NotFound} there is no CA in `dir`; `what` completes “Cannot …” · {Error} others may read its key. */
export async function openAuthority(dir: string, what: string): Promise<Authority> {
  const lib = await library();
  try {
    await refuseReadableKey(`${dir}/ca-key.pem`, { lost: "make a new CA and new certificates" });
    const cert = new lib.X509Certificate(await Deno.readTextFile(`${dir}/ca.pem`));
    const der = lib.PemConverter.decodeFirst(await Deno.readTextFile(`${dir}/ca-key.pem`));
    const key = await crypto.subtle.importKey("pkcs8", der, CURVE, false, ["sign"]);
    return { dir, cert, key, pem: cert.toString("pem") + "\n" };
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    throw new Deno.errors.NotFound(
      `Cannot ${what}: expected ca.pem and ca-key.pem in ${dir}; make a CA with: fedx ca init --out ${dir}`,
      { cause },
    );
  }
}

/** What a certificate is to say. */
export interface Subject {
  name: string;
  role: CertificateRole;
  /** DNS names and IP addresses of an aggregator. */
  hosts: readonly string[];
  publicKey: CryptoKey;
  /** Seconds until it expires, negative for an expired one (tests). @default 398 days */
  lifetime?: number;
  /** When its time begins, less an hour (tests). @default now */
  from?: Date;
}

/**
 * Records and makes a certificate: serverAuth with the hosts as SANs for an aggregator, clientAuth only with the SAN
 * `urn:fedx:silo:NAME` for a silo, so that a silo's certificate cannot act as a server.
 */
export async function certify(authority: Authority, subject: Subject): Promise<x509.X509Certificate> {
  const lib = await library();
  const { name, role, publicKey } = subject;
  const names = alternativeNames(role, subject);
  const serialNumber = serial();
  const dates = validity(subject.lifetime ?? LEAF_DAYS * DAY, subject.from);
  const record: IssuedRecord = {
    version: 1,
    serial: serialNumber,
    name,
    role,
    key: await keyDigest(publicKey),
    expires: dates.notAfter.toISOString(),
  };
  await appendRecord(`${authority.dir}/issued.jsonl`, record);
  return await lib.X509CertificateGenerator.create({
    serialNumber,
    subject: `CN=${name}`,
    issuer: authority.cert.subject,
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
}

/** Every certificate that this CA has made, oldest first. @throws {SyntaxError} a line is damaged. */
export async function issuedBy(dir: string): Promise<IssuedRecord[]> {
  const path = `${dir}/issued.jsonl`;
  const text = await Deno.readTextFile(path).catch((error) => {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  });
  return text.split("\n").filter((line) => line !== "").map((line, index) => {
    try {
      return v.parse(IssuedSchema, JSON.parse(line));
    } catch (cause) {
      throw new SyntaxError(
        `Cannot read ${path}: expected a record in line ${index + 1}, got something else; ` +
          "restore the file from a copy, or repair that line",
        { cause },
      );
    }
  });
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

async function appendRecord(path: string, record: IssuedRecord): Promise<void> {
  using file = await Deno.open(path, { create: true, append: true, read: true, mode: 0o600 });
  // A line that a crash cut short stays by itself, where `issuedBy` finds it.
  const size = (await file.stat()).size;
  const last = new Uint8Array(1);
  if (size > 0) {
    await file.seek(size - 1, Deno.SeekMode.Start);
    await file.read(last);
  }
  const broken = size > 0 && last[0] !== 0x0a;
  file.writeSync(new TextEncoder().encode(`${broken ? "\n" : ""}${JSON.stringify(record)}\n`));
  await file.sync();
}
