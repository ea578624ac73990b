/**
 * Makes and judges statements: which X25519 key a silo agrees on masks with.
 *
 * Why each silo judges for itself: the aggregator hands the statements on, and whoever could put a key of its own in
 * the place of a hospital's would take that hospital's mask off again.
 */
import { digest } from "../../files/digest.ts";
import { keyDigestOf, keyOf, readCertificate } from "../pki/der_certificate.ts";
import { type Issuer, onlyCertificate } from "../pki/issuer.ts";
import type { Identity } from "../pki/own_certificate.ts";
import { judge } from "../pki/peer.ts";
import { ProtocolError } from "../protocol/errors.ts";
import type { SignedStatement, Statement } from "../protocol/messages.ts";
import { isSignedBy, signCanonical } from "../pki/signed.ts";

/** Whom a silo masks with. */
export interface Member {
  silo: string;
  /** X25519, hex. */
  publicKey: string;
  /** The key of its certificate, SubjectPublicKeyInfo in DER, and SHA-256 of that: what hospitals compare by telephone. */
  key: Uint8Array;
  keyDigest: string;
  /** Serial number of the certificate. */
  serial: string;
}

/** SHA-256 hex of the public key of a certificate, PEM. */
export function keyDigestOfPem(certificate: string): string {
  return keyDigestOf(readCertificate(onlyCertificate(certificate)));
}

/** Signs a statement with the key of the silo's certificate. */
export function signStatement(statement: Statement, { cert, key }: Identity): SignedStatement {
  const certificate = onlyCertificate(cert).toHex();
  return { statement, signature: signCanonical(statement, key), certificate };
}

/**
 * Judges a statement: of this run and proposal, signed by the key of a certificate that the CA gave the silo it names.
 * @param wanted.proposal SHA-256 of the canonical proposal
 * @param wanted.now what the certificate's dates are held against, null where they were judged before
 * @throws {ProtocolError} `statement_refused`
 */
export function judgeStatement(
  { statement, signature, certificate }: SignedStatement,
  wanted: { run: string; proposal: string; ca: Issuer; now: Date | null },
): Member {
  const { silo, publicKey } = statement;
  const refuse = (expected: string, got: string): never => {
    throw new ProtocolError("statement_refused", { expected: `${expected} from ${silo}`, got });
  };
  if (statement.run !== wanted.run) refuse(`a statement of run ${wanted.run}`, statement.run);
  if (statement.proposal !== wanted.proposal) {
    refuse(`a statement for the proposal ${wanted.proposal}`, statement.proposal);
  }
  const raw = Uint8Array.fromHex(certificate);
  const { key, peer } = certified(raw, { ...wanted, refuse });
  if (peer.silo !== silo) refuse("the certificate of the silo that states it", `that of ${peer.silo}`);
  if (!isSignedBy(statement, signature, key)) {
    refuse("a statement signed by its certificate's key", "another");
  }
  return { silo, publicKey, key, keyDigest: digest(key), serial: peer.serial };
}

function certified(
  raw: Uint8Array,
  { ca, now, refuse }: { ca: Issuer; now: Date | null; refuse: (expected: string, got: string) => never },
) {
  try {
    const certificate = readCertificate(raw);
    const key = keyOf(certificate);
    return { key, peer: judge(raw, { role: "silo", ca, now: now ?? certificate.notBefore }) };
  } catch (cause) {
    if (cause instanceof ProtocolError) return refuse(cause.expected, cause.got);
    if (cause instanceof SyntaxError) return refuse("a silo's certificate", cause.message);
    throw cause;
  }
}
