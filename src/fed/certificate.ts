/**
 * What a role checks about its own certificate before it connects or listens.
 *
 * Why before: under TLS 1.3 a refused client certificate looks like a lost connection, so every fault
 * that can be seen from here is told here, with its remedy.
 */
import { createPrivateKey, createPublicKey, X509Certificate } from "node:crypto";
import * as v from "valibot";
import { refuseReadableKey } from "./key_files.ts";
import { SiloName } from "./schema.ts";
import { type CertificateRole, EKU, library, siloUri } from "./x509.ts";

const WARN_DAYS = 30;

/** The three files of a role's `--tls` folder, as PEM text. */
export interface Identity {
  ca: string;
  cert: string;
  key: string;
}

/** A certificate that passed. `expires` is an ISO date-time; `warning` is set from 30 days before it on. */
export interface Checked {
  fingerprint: string;
  expires: string;
  warning?: string;
}

/** Reads `ca.pem`, `cert.pem` and `key.pem`; refuses a key that others may read. */
export async function readIdentity(dir: string): Promise<Identity> {
  const read = (name: string) =>
    Deno.readTextFile(`${dir}/${name}`).catch((cause) => {
      throw new Deno.errors.NotFound(
        `Cannot read ${dir}/${name}: expected a folder with ca.pem, cert.pem and key.pem; ` +
          `make one with: fedx ca request NAME --role silo|aggregator --out ${dir}, ` +
          `or fedx ca issue NAME --role silo|aggregator --ca CA --out ${dir}`,
        { cause },
      );
    });
  const identity = { ca: await read("ca.pem"), cert: await read("cert.pem"), key: await read("key.pem") };
  await refuseReadableKey(`${dir}/key.pem`);
  return identity;
}

/**
 * Checks chain, dates, extended key usage, key and (for a silo) name.
 *
 * @throws {Error} one sentence that names what is wrong and the remedy.
 */
export async function checkCertificate(
  dir: string,
  options: { role: CertificateRole; name?: string; now?: Date },
): Promise<Checked> {
  const identity = await readIdentity(dir);
  const cert = parse(`${dir}/cert.pem`, identity.cert);
  const ca = parse(`${dir}/ca.pem`, identity.ca);
  const refuse = (expected: string, got: string, remedy: string): never => {
    throw new Error(`Cannot use ${dir}/cert.pem: expected ${expected}, got ${got}; ${remedy}`);
  };
  const named = `${options.name ?? "NAME"} --role ${options.role}`;
  const again = `get another of the federation's CA: fedx ca request ${named} --out DIR and fedx ca sign, ` +
    `or fedx ca issue ${named} --ca CA --out DIR`;
  if (cert.issuer !== ca.subject || !cert.verify(ca.publicKey)) {
    refuse("a certificate signed by the ca.pem beside it", `one issued by ${cert.issuer}`, again);
  }
  if (!keyMatches(cert, identity.key)) refuse("the certificate of key.pem", "another key's", again);
  const now = options.now ?? new Date();
  checkDates(ca, now, refuse, "make a new CA with fedx ca init, and new certificates with it");
  checkDates(cert, now, refuse, again);
  const usage = await extendedKeyUsage(identity.cert);
  if (!usage.includes(EKU[options.role])) {
    refuse(`the role ${options.role}`, usage.includes(EKU.silo) ? "a silo's" : "an aggregator's", again);
  }
  if (options.role === "silo") {
    const name = siloName(cert.subjectAltName);
    if (options.name !== undefined && name !== options.name) {
      refuse(
        `the name ${options.name} (--silo)`,
        `the name ${name ?? "none"}`,
        `point --tls at ${options.name}'s folder or pass --silo ${name ?? options.name}`,
      );
    }
  }
  return report(cert, now);
}

/**
 * The silo a certificate names: the one SAN `URI:urn:fedx:silo:NAME`, else null.
 * A certificate with any other SAN names nobody.
 */
export function siloName(subjectAltName: string | undefined): string | null {
  const prefix = `URI:${siloUri("")}`;
  if (!subjectAltName?.startsWith(prefix)) return null;
  const name = subjectAltName.slice(prefix.length);
  return v.is(SiloName, name) ? name : null;
}

/** OIDs of the extended key usage; node:crypto's X509Certificate of Deno 2.9.3 does not tell them. */
async function extendedKeyUsage(pem: string): Promise<string[]> {
  const lib = await library();
  return (new lib.X509Certificate(pem).getExtension(lib.ExtendedKeyUsageExtension)?.usages ?? []).map(String);
}

function parse(path: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new SyntaxError(
      `Cannot read ${path}: expected a PEM certificate; get another with: fedx ca sign or fedx ca issue`,
      { cause },
    );
  }
}

function keyMatches(cert: X509Certificate, key: string): boolean {
  const spki = (k: ReturnType<typeof createPublicKey>) =>
    k.export({ type: "spki", format: "der" }).toString("hex");
  try {
    // deno-lint-ignore no-explicit-any -- node's types accept a KeyObject here, Deno's lag behind
    return spki(createPublicKey(createPrivateKey(key) as any)) === spki(cert.publicKey);
  } catch {
    return false; // no key at all
  }
}

function checkDates(
  cert: X509Certificate,
  now: Date,
  refuse: (expected: string, got: string, remedy: string) => never,
  again: string,
): void {
  const [from, to] = [new Date(cert.validFrom), new Date(cert.validTo)];
  if (now < from) {
    refuse(`the date after ${from.toISOString()}`, now.toISOString(), "set this machine's clock");
  }
  if (now > to) refuse(`the date before ${to.toISOString()}`, now.toISOString(), again);
}

function report(cert: X509Certificate, now: Date): Checked {
  const expires = new Date(cert.validTo);
  const days = Math.floor((expires.getTime() - now.getTime()) / 86_400_000);
  const checked: Checked = {
    fingerprint: cert.fingerprint256.replaceAll(":", "").toLowerCase(),
    expires: expires.toISOString(),
  };
  if (days < WARN_DAYS) {
    checked.warning = `the certificate expires in ${days} days; ` +
      "get another in time with: fedx ca request and fedx ca sign, or fedx ca issue";
  }
  return checked;
}
