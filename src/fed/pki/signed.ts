/** Signatures over canonical JSON by the key of a certificate, ECDSA with SHA-256 over P-256. */
import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey, KeyObject, sign, verify } from "node:crypto";
import { canonical } from "../../files/canonical.ts";

const bytesOf = (value: unknown) => Buffer.from(canonical(value));

/** The one that signed last: a role has the same for months, and to read it takes as long as to sign. */
let own: { pem: string; key: KeyObject } | null = null;

/**
 * Signs a JSON value.
 * @param key private key, PEM
 * @returns DER, lower-case hex
 */
export function signCanonical(value: unknown, key: string): string {
  if (own?.pem !== key) own = { pem: key, key: createPrivateKey(key) };
  // deno-lint-ignore no-explicit-any -- node's types accept a KeyObject here, Deno's lag behind
  return sign("sha256", bytesOf(value), own.key as any).toString("hex");
}

/**
 * Whether the signature is good.
 * @param signature DER, hex
 * @param key SubjectPublicKeyInfo, DER, or what was read of one
 */
export function isSignedBy(value: unknown, signature: string, key: Uint8Array | KeyObject): boolean {
  try {
    const publicKey = key instanceof KeyObject
      ? key
      : createPublicKey({ key: Buffer.from(key), format: "der", type: "spki" });
    return verify("sha256", bytesOf(value), publicKey, Buffer.from(signature, "hex"));
  } catch {
    return false; // no signature at all
  }
}
