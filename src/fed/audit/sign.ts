/** How a role signs where its log stands, and how that is judged. */
import { Buffer } from "node:buffer";
import { createPublicKey, type KeyObject } from "node:crypto";
import { canonical } from "../../files/canonical.ts";
import { digest } from "../../files/digest.ts";
import { keyOf, readCertificate } from "../pki/der_certificate.ts";
import { type Issuer, onlyCertificate } from "../pki/issuer.ts";
import type { Identity } from "../pki/own_certificate.ts";
import { checkTime, judge, type Peer } from "../pki/peer.ts";
import { isSignedBy, signCanonical } from "../pki/signed.ts";
import { ProtocolError } from "../protocol/errors.ts";
import type { ChainHead, Head, SignedHead } from "../protocol/signed_head.ts";

/** Whose head it is meant to be. */
export interface Whose {
  run: string;
  /** `aggregator`, or `silo` and its name. */
  role: string;
}

/** Signs with the key of `identity`, ECDSA over P-256 with SHA-256. */
export function signHead(
  { lines, digest }: ChainHead,
  options: Whose & { identity: Pick<Identity, "cert" | "key">; now: Date },
): SignedHead {
  const { run, role, identity, now } = options;
  const head: Head = {
    ...{ type: "fedx head", version: 1, run, role, lines, digest },
    time: now.toISOString(),
  };
  return {
    head,
    signature: signCanonical(head, identity.key),
    certificate: onlyCertificate(identity.cert).toHex(),
  };
}

/**
 * Whether a head is of this run and role, and signed by whom its certificate names.
 *
 * @param options.proven digests of heads that this CA was found to bear out, added to: two logs hold the same one
 * @param options.ca judges the certificate at the head's time; null: nobody does, and the role is not proven
 * @throws {ProtocolError} `bad_head`
 */
export function checkHead(
  signed: SignedHead,
  options: Whose & { ca: Issuer | null; proven?: Set<string> },
): void {
  const { run, role, ca, proven = new Set() } = options;
  const { head, signature, certificate } = signed;
  if (head.run !== run) throw badHead(`one of run ${run}`, `one of run ${head.run}`);
  if (head.role !== role) throw badHead(`one of the ${role}`, `one of the ${head.role}`);
  const exactly = digest(`${canonical(head)} ${signature} ${certificate}`);
  if (proven.has(exactly)) return;
  const raw = Uint8Array.fromHex(certificate);
  if (ca !== null) checkNames(raw, { certificate, role, ca, now: new Date(head.time) });
  if (isSignedBy(head, signature, publicKeyOf(certificate, raw))) return void proven.add(exactly);
  throw badHead("a signature of its certificate's key", "another");
}

function checkNames(
  raw: Uint8Array,
  { certificate, role, ca, now }: { certificate: string; role: string; ca: Issuer; now: Date },
): void {
  const judged = JUDGED.get(ca) ?? new Map<string, Peer>();
  JUDGED.set(ca, judged);
  const whose = `${role} ${certificate}`;
  const kind = role === "aggregator" ? role : "silo";
  try {
    const known = judged.get(whose);
    if (known !== undefined) return checkTime(known, { role: kind, now });
    judged.set(whose, peerOf(raw, { role, ca, now }));
  } catch (cause) {
    if (!(cause instanceof ProtocolError) || cause.code === "bad_head") throw cause;
    throw badHead(cause.expected, cause.got, cause);
  }
}

function peerOf(raw: Uint8Array, { role, ca, now }: { role: string; ca: Issuer; now: Date }): Peer {
  if (role === "aggregator") return judge(raw, { role, ca, now });
  const peer = judge(raw, { role: "silo", ca, now });
  if (role === `silo ${peer.silo}`) return peer;
  throw badHead(`a certificate of the ${role}`, `one of silo ${peer.silo}`);
}

/** What each CA's certificates were found to say, by role and certificate: a log holds the same few thousands of times. */
const JUDGED = new WeakMap<Issuer, Map<string, Peer>>();

/** The keys that were read last: a role has the same for months, and to read one takes as long as to use it. */
const keys = new Map<string, KeyObject>();
/** Most of them; more than a run has roles. */
const MOST_KEYS = 1000;

function publicKeyOf(certificate: string, raw: Uint8Array): KeyObject {
  const known = keys.get(certificate);
  if (known !== undefined) return known;
  try {
    const spki = Buffer.from(keyOf(readCertificate(raw)));
    const key = createPublicKey({ key: spki, format: "der", type: "spki" });
    if (keys.size >= MOST_KEYS) keys.clear();
    keys.set(certificate, key);
    return key;
  } catch (cause) {
    throw badHead("a certificate with a P-256 key", "another", cause);
  }
}

function badHead(expected: string, got: string, cause?: unknown): ProtocolError {
  return new ProtocolError("bad_head", { expected, got, cause });
}
