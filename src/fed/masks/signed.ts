/** Signatures over canonical JSON by the key of a certificate, ECDSA with SHA-256 over P-256. */
import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";
import { canonical } from "../../files/canonical.ts";

const bytesOf = (value: unknown) => new TextEncoder().encode(canonical(value));

/**
 * Signs a JSON value.
 * @param key private key, PEM
 * @returns DER, lower-case hex
 */
export function signCanonical(value: unknown, key: string): string {
  return sign("sha256", bytesOf(value), createPrivateKey(key)).toString("hex");
}

/**
 * Whether the signature is good.
 * @param signature DER, hex
 * @param key SubjectPublicKeyInfo, DER
 */
export function isSignedBy(value: unknown, signature: string, key: Uint8Array): boolean {
  try {
    const publicKey = createPublicKey({ key: Buffer.from(key), format: "der", type: "spki" });
    return verify("sha256", bytesOf(value), publicKey, Buffer.from(signature, "hex"));
  } catch {
    return false; // no signature at all
  }
}
