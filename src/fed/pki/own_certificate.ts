/**
 * What a role checks about its own certificate before it connects or listens: what its peers will judge, and its key.
 *
 * Why before: under TLS 1.3 a refused client certificate looks like a lost connection, so every fault
 * that can be seen from here is told here, with its remedy.
 */
import { createPrivateKey, createPublicKey } from "node:crypto";
import { digest } from "../../files/digest.ts";
import { exists } from "../../files/exists.ts";
import { obstacleTo } from "../../files/obstacle.ts";
import { keyDigestOf, keyOf, readCertificate } from "./der_certificate.ts";
import { refusal } from "../../refusal.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { type Issuer, issuerOf, onlyCertificate } from "./issuer.ts";
import { refuseReadableKey } from "./key_files.ts";
import { CLOCK, judge, outOfTime, type Peer } from "./peer.ts";
import type { CertificateRole } from "./x509.ts";
import { plural } from "../../plural.ts";

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
  /** SHA-256 of its public key, SPKI DER, hex: what hospitals read out to each other. A renewal with the key keeps it. */
  keyDigest: string;
  /** The silo that it names, null for an aggregator's. */
  silo: string | null;
  expires: string;
  warning?: { problem: string; remedy: string };
}

/** Reads `ca.pem`, `cert.pem` and `key.pem`; refuses a key that others may read. */
export async function readIdentity(dir: string): Promise<Identity> {
  const read = (name: string) =>
    Deno.readTextFile(`${dir}/${name}`).catch(async (cause) => {
      const found = obstacleTo(`${dir}/${name}`, cause);
      const none = { got: "one without it", remedy: await remedyFor(dir, name) };
      throw refusal(found === null ? Deno.errors.NotFound : Error, {
        what: `Cannot read ${dir}/${name}`,
        expected: found === null ? "a folder with ca.pem, cert.pem and key.pem" : "a file to read",
        ...found ?? none,
      }, { cause });
    });
  const identity = { ca: await read("ca.pem"), cert: await read("cert.pem"), key: await read("key.pem") };
  await refuseReadableKey(`${dir}/key.pem`);
  return identity;
}

/** Why two remedies: whoever has made a request waits for the answer, and another request would not bring it. */
async function remedyFor(dir: string, missing: string): Promise<string> {
  if (missing !== "key.pem" && await exists(`${dir}/request.pem`)) {
    return `put the ${missing} there that comes back for ${dir}/request.pem from the holder of the ` +
      "certificate authority";
  }
  return `make one with: fedx ca request NAME --role silo|aggregator --out ${dir}, ` +
    `or fedx ca issue NAME --role silo|aggregator --ca CA --out ${dir}`;
}

/** What is looked for: the role, the silo's name where it is known, and when. */
export interface Own {
  role: CertificateRole;
  name?: string;
  /** @default new Date() */
  now?: Date;
}

/**
 * Checks the certificate of a `--tls` folder as the other side will: chain, form, dates, role, names; then that the key
 * is its own and (for a silo) the name the wanted one.
 *
 * @throws {Error} one sentence that names what is wrong and the remedy.
 */
export async function checkCertificate(dir: string, own: Own): Promise<Checked> {
  return checkIdentity(await readIdentity(dir), { dir, ...own });
}

/** The same for files that were read; `dir` names them in the error. */
export function checkIdentity(identity: Identity, options: Own & { dir: string }): Checked {
  const { dir, role, name, now = new Date() } = options;
  const named = `${name ?? "NAME"} --role ${role}`;
  const again = `get another of the federation's CA: fedx ca request ${named} --out DIR and fedx ca sign, ` +
    `or fedx ca issue ${named} --ca CA --out DIR`;
  const refuse: Refuse = (file, { expected, got, remedy }) => {
    throw refusal(Error, { what: `Cannot use ${dir}/${file}`, expected, got, remedy });
  };
  const ca = issuerIn(identity.ca, now, refuse);
  let raw: Uint8Array;
  try {
    raw = onlyCertificate(identity.cert);
  } catch (cause) {
    const got = (cause as Error).message;
    return refuse("cert.pem", { expected: "one PEM certificate", got, remedy: again });
  }
  const wanted = { role, ca, now };
  const peer = attempt(() => judge(raw, wanted), ({ expected, got, remedy }) => {
    return refuse("cert.pem", { expected, got, remedy: remedy === CLOCK ? CLOCK : again });
  });
  if (!keyMatches(raw, identity.key)) {
    refuse("cert.pem", { expected: "the certificate of key.pem", got: "another key's", remedy: again });
  }
  if (name !== undefined && "silo" in peer && peer.silo !== name) {
    const remedy = `point --tls at ${name}'s folder or pass --silo ${peer.silo}`;
    refuse("cert.pem", { expected: `the name ${name} (--silo)`, got: `the name ${peer.silo}`, remedy });
  }
  return report(raw, peer, now);
}

type Refuse = (file: string, texts: { expected: string; got: string; remedy: string }) => never;

function issuerIn(pem: string, now: Date, refuse: Refuse): Issuer {
  const ca = attempt(() => issuerOf(pem), (error) => refuse("ca.pem", error));
  const fault = outOfTime(ca, now);
  if (fault === null) return ca;
  return refuse("ca.pem", {
    expected: `a certificate that is good on ${now.toISOString()}`,
    got: fault.got,
    remedy: fault.early ? CLOCK : "make a new CA with fedx ca init, and new certificates with it",
  });
}

/** What `body` gives; its refusal goes to `refuse`. */
export function attempt<T>(body: () => T, refuse: (error: ProtocolError) => never): T {
  try {
    return body();
  } catch (error) {
    if (error instanceof ProtocolError) return refuse(error);
    throw error;
  }
}

/** Whether `key`, PEM, is the private key of the certificate `raw`, DER. */
export function keyMatches(raw: Uint8Array, key: string): boolean {
  try {
    // deno-lint-ignore no-explicit-any -- node's types accept a KeyObject here, Deno's lag behind
    const own = createPublicKey(createPrivateKey(key) as any).export({ type: "spki", format: "der" });
    return own.toString("hex") === keyOf(readCertificate(raw)).toHex();
  } catch {
    return false; // no key at all
  }
}

function report(raw: Uint8Array, peer: Peer, now: Date): Checked {
  const { notAfter } = peer;
  const days = Math.floor((notAfter.getTime() - now.getTime()) / 86_400_000);
  const checked: Checked = {
    fingerprint: digest(raw),
    keyDigest: keyDigestOf(readCertificate(raw)),
    silo: "silo" in peer ? String(peer.silo) : null,
    expires: notAfter.toISOString(),
  };
  if (days < WARN_DAYS) {
    checked.warning = {
      problem: `the certificate expires in ${plural(days, "day")}`,
      remedy: "get another in time with: fedx ca request and fedx ca sign, or fedx ca issue",
    };
  }
  return checked;
}
