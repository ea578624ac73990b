/**
 * How a site gets its certificate without its key ever leaving it: a PKCS #10 request goes out, a certificate
 * comes back.
 *
 * What a request asks for is checked, and only name, role, hosts and public key are taken from it: the certificate's
 * other fields are the CA's own, whatever else was asked.
 */
import type * as x509 from "@peculiar/x509";
import { readTextIfThere } from "../../files/exists.ts";
import { type Authority, certify, issuedBy, keyDigest, openAuthority } from "./authority.ts";
import { checkName, DEFAULT_HOSTS } from "./ca.ts";
import { isHost } from "./host.ts";
import { refuseExisting, refuseOtherCa, refuseReadableKey, writeKey, writeText } from "./key_files.ts";
import {
  alternativeNames,
  type CertificateRole,
  CURVE,
  EKU,
  fingerprintOf,
  library,
  OID,
  siloUri,
} from "./x509.ts";

/** Bytes of the longest request that is read. */
const LIMIT = 64 << 10;

/** What a site is told whose request cannot be signed. */
const AGAIN = "have the site make another with: fedx ca request";

/** What a request asks for. `key` is the SHA-256 of its public key: the two sites compare it by another way. */
export interface Asked {
  name: string;
  role: CertificateRole;
  hosts: string[];
  key: string;
}

/** What `makeRequest` wrote; `renewal` says that the folder's key was there before. */
export interface MadeRequest extends Asked {
  request: string;
  keyFile: string;
  renewal: boolean;
}

/**
 * Makes a key (mode 0600) and a request for its certificate in `options.out`, or a request for the key that lies
 * there, for a certificate that is to follow another.
 *
 * @throws {Error} others may read that key · {Deno.errors.AlreadyExists} `out` is a CA's folder.
 */
export async function makeRequest(
  options: { name: string; role: CertificateRole; hosts?: readonly string[]; out: string },
): Promise<MadeRequest> {
  checkName(options.name);
  const lib = await library();
  const { out, name, role } = options;
  const hosts = role === "silo" ? [] : [...options.hosts ?? DEFAULT_HOSTS];
  const keyFile = `${out}/key.pem`, request = `${out}/request.pem`;
  await refuseExisting("make a request", [`${out}/ca-key.pem`], "choose another --out");
  const old = await oldKeys(lib, keyFile);
  const keys = old ?? await crypto.subtle.generateKey(CURVE, true, ["sign", "verify"]);
  const csr = await lib.Pkcs10CertificateRequestGenerator.create({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: CURVE,
    extensions: [
      new lib.ExtendedKeyUsageExtension([EKU[role]]),
      new lib.SubjectAlternativeNameExtension(alternativeNames(role, { name, hosts })),
    ],
  });
  await Deno.mkdir(out, { recursive: true });
  if (old === null) await writeKey(lib, keyFile, keys.privateKey);
  await writeText(request, csr.toString("pem") + "\n");
  return { name, role, hosts, key: await keyDigest(keys.publicKey), request, keyFile, renewal: old !== null };
}

/** The pair of a key file that is there already. */
async function oldKeys(lib: typeof x509, path: string): Promise<CryptoKeyPair | null> {
  const pem = await readTextIfThere(path);
  if (pem === null) return null;
  await refuseReadableKey(path);
  try {
    const der = lib.PemConverter.decodeFirst(pem);
    const privateKey = await crypto.subtle.importKey("pkcs8", der, CURVE, true, ["sign"]);
    const { kty, crv, x, y } = await crypto.subtle.exportKey("jwk", privateKey);
    const publicKey = await crypto.subtle.importKey("jwk", { kty, crv, x, y }, CURVE, true, ["verify"]);
    return { privateKey, publicKey };
  } catch (cause) {
    throw new SyntaxError(
      `Cannot use ${path}: expected an EC P-256 key in PKCS #8, got something else; choose another --out`,
      { cause },
    );
  }
}

/** What `signRequest` made of a request. */
export interface Signed extends Asked {
  /** Files written: the certificate, and beside it ca.pem where a folder was named. */
  cert: string;
  ca: string | null;
  expires: string;
  /** Whether that is its CA's end, before its usual time. */
  shortened: boolean;
  fingerprint: string;
  /** Extensions (OIDs) that the request asked for and did not get. */
  ignored: string[];
  /** ISO date-time until which another key has a certificate of this name from this CA, if one has. */
  other: string | null;
}

/**
 * Makes the certificate that a request asks for, if that is what the signer means: a request can ask to be anybody.
 *
 * @param options.name whom the signer gives the certificate to, as `options.role`
 * @param options.out a file `….pem` for the certificate alone, or a folder for `cert.pem` and `ca.pem`
 * @throws {Error} one sentence: the request is damaged, not signed by its own key, or asks for what no role has ·
 * {Deno.errors.NotFound} no CA in `options.ca` · {Deno.errors.AlreadyExists} nothing is written over.
 */
export async function signRequest(
  options: {
    request: string;
    name: string;
    role: CertificateRole;
    ca: string;
    out: string;
  },
): Promise<Signed> {
  const { request, ca, out } = options;
  const what = `sign ${request}`, remedy = "choose another --out";
  const authority = await openAuthority(ca, what);
  const asked = await readRequest(request);
  refuseOther(asked, options);
  const file = out.endsWith(".pem");
  const paths = { cert: file ? out : `${out}/cert.pem`, ca: file ? null : `${out}/ca.pem` };
  await refuseExisting(what, file ? [out] : [paths.cert, `${out}/ca-key.pem`], remedy);
  if (paths.ca !== null) await refuseOtherCa(paths.ca, { pem: authority.pem, what, remedy });
  const other = await otherKey(authority, asked);
  const { cert, shortened } = await certify(authority, asked);
  if (!file) await Deno.mkdir(out, { recursive: true });
  await writeText(paths.cert, cert.toString("pem") + "\n");
  if (paths.ca !== null) await writeText(paths.ca, authority.pem);
  const { name, role, hosts, key, ignored } = asked;
  const fingerprint = await fingerprintOf(cert);
  return {
    ...{ name, role, hosts, key, ignored, other, fingerprint, shortened },
    ...paths,
    expires: cert.notAfter.toISOString(),
  };
}

/** @throws {Error} the request asks to be somebody else than the signer means. */
function refuseOther(
  asked: Asked,
  { request, name, role }: { request: string; name: string; role: CertificateRole },
): void {
  if (asked.name === name && asked.role === role) return;
  throw new Error(
    `Cannot sign ${request}: expected a request of ${name}, role ${role} (--name and --role), ` +
      `got one of ${asked.name}, role ${asked.role}; ${AGAIN} ${name} --role ${role}, ` +
      "or name whom you mean to sign for",
  );
}

async function otherKey(authority: Authority, asked: Asked): Promise<string | null> {
  const now = new Date().toISOString();
  const others = (await issuedBy(authority.dir)).filter((one) =>
    one.name === asked.name && one.role === asked.role && one.key !== asked.key && one.expires > now
  );
  return others.at(-1)?.expires ?? null;
}

/** A request that passed every check. */
interface CheckedRequest extends Asked {
  publicKey: CryptoKey;
  ignored: string[];
}

/** Reads and checks a request file. @throws {Error} one sentence with the remedy. */
async function readRequest(path: string): Promise<CheckedRequest> {
  const refuse = (expected: string, got: string): never => {
    throw new Error(`Cannot sign ${path}: expected ${expected}, got ${plain(got)}; ${AGAIN}`);
  };
  const { size } = await Deno.stat(path);
  if (size > LIMIT) refuse(`a request of at most ${LIMIT} bytes`, `${size}`);
  const lib = await library();
  let csr: x509.Pkcs10CertificateRequest;
  let own = false;
  try {
    csr = new lib.Pkcs10CertificateRequest(await Deno.readTextFile(path));
    own = await csr.verify();
  } catch (cause) {
    throw new SyntaxError(
      `Cannot sign ${path}: expected a PEM certificate request, got something else; ${AGAIN}`,
      { cause },
    );
  }
  if (!own) refuse("a request signed by its own key", "another signature");
  const publicKey = await csr.publicKey.export(CURVE, ["verify"]).catch(() =>
    refuse("an EC P-256 key", csr.publicKey.algorithm.name)
  );
  const { role, hosts, name } = namesOf(lib, csr, refuse);
  const known: string[] = [OID.alternativeName, OID.extendedKeyUsage];
  const ignored = Array.from(csr.extensions, (extension) => extension.type).filter((type) =>
    !known.includes(type)
  );
  return { name, role, hosts, publicKey, key: await keyDigest(publicKey), ignored };
}

/** What a request holds, fit for a terminal: no control character, and not for ever. */
function plain(text: string): string {
  return text.slice(0, 300).replaceAll(/[^\x20-\x7e]/g, (c) => `\\x${c.codePointAt(0)!.toString(16)}`);
}

type Refuse = (expected: string, got: string) => never;

/** Name, role and hosts: the SANs say which role, and everything else in the request must say the same. */
function namesOf(
  lib: typeof x509,
  csr: x509.Pkcs10CertificateRequest,
  refuse: Refuse,
): { name: string; role: CertificateRole; hosts: string[] } {
  const raw = csr.getExtension(OID.alternativeName);
  const names = raw === null ? [] : new lib.SubjectAlternativeNameExtension(raw.rawData).names.toJSON();
  const uris = names.filter((name) => name.type === "url");
  const hosts = names.filter((name) => name.type === "dns" || name.type === "ip").map((name) => name.value);
  const cn = csr.subjectName.getField("CN");
  const [common] = cn;
  if (cn.length !== 1) refuse("one common name (CN)", String(cn.length));
  try {
    checkName(common);
  } catch {
    refuse(
      "a name of 1 to 64 letters, digits, '.', '_' or '-'",
      JSON.stringify(common.slice(0, 80)),
    );
  }
  const silo = names.length === 1 && uris.length === 1;
  if (!silo && (hosts.length === 0 || hosts.length !== names.length)) {
    refuse(
      "either one URI urn:fedx:silo:NAME, for a silo, or hosts alone, for an aggregator",
      names.length === 0 ? "no names" : names.map(({ type, value }) => `${type} ${value}`).join(", "),
    );
  }
  const odd = hosts.find((host) => !isHost(host));
  if (odd !== undefined) refuse("DNS names and addresses as hosts", JSON.stringify(odd));
  if (silo && uris[0].value !== siloUri(common)) {
    refuse(`the URI ${siloUri(common)} of its common name`, uris[0].value);
  }
  const role = silo ? "silo" : "aggregator";
  const usage = csr.getExtension(OID.extendedKeyUsage);
  const usages = usage === null ? [] : new lib.ExtendedKeyUsageExtension(usage.rawData).usages.map(String);
  if (usages.some((one) => one !== EKU[role])) {
    refuse(`the extended key usage of a role ${role}, ${EKU[role]}`, usages.join(", "));
  }
  return { name: common, role, hosts };
}
