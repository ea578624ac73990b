/** The X25519 key pair of one silo in one run, and the secret that it shares with each other silo. */
import { ProtocolError } from "../protocol/errors.ts";

/** In lower-case hex. */
export interface MaskKeys {
  /** The 32 raw bytes. */
  publicKey: string;
  /** PKCS#8. */
  privateKey: string;
}

/** A new random pair. */
export async function newMaskKeys(): Promise<MaskKeys> {
  const pair = await crypto.subtle.generateKey("X25519", true, ["deriveBits"]) as CryptoKeyPair;
  const [publicKey, privateKey] = await Promise.all([
    crypto.subtle.exportKey("raw", pair.publicKey),
    crypto.subtle.exportKey("pkcs8", pair.privateKey),
  ]);
  return { publicKey: new Uint8Array(publicKey).toHex(), privateKey: new Uint8Array(privateKey).toHex() };
}

/**
 * The 32 bytes that two silos share (RFC 7748): each has its own private key and the other's public one.
 *
 * Why zeros are refused: some public keys (of small order) give them with every private key, so that whoever hands one
 * out knows the masks. RFC 7748, §6.1, has them looked for.
 * @throws {ProtocolError} `not_agreed` for a public key that gives no secret; `damaged_state` for a private key that is
 * none.
 */
export async function agree(privateKey: string, publicKey: string): Promise<Uint8Array<ArrayBuffer>> {
  const own = await importPrivate(privateKey);
  const secret = await derive(own, publicKey).catch((cause) => {
    throw noSecret(publicKey, cause);
  });
  if (secret.every((byte) => byte === 0)) throw noSecret(publicKey);
  return secret;
}

async function importPrivate(privateKey: string): Promise<CryptoKey> {
  try {
    return await crypto.subtle.importKey("pkcs8", Uint8Array.fromHex(privateKey), "X25519", false, [
      "deriveBits",
    ]);
  } catch (cause) {
    throw new ProtocolError("damaged_state", {
      expected: "a private key for masks",
      got: "something else",
      cause,
    });
  }
}

async function derive(own: CryptoKey, publicKey: string): Promise<Uint8Array<ArrayBuffer>> {
  const other = await crypto.subtle.importKey("raw", Uint8Array.fromHex(publicKey), "X25519", false, []);
  return new Uint8Array(await crypto.subtle.deriveBits({ name: "X25519", public: other }, own, 256));
}

function noSecret(publicKey: string, cause?: unknown): ProtocolError {
  return new ProtocolError("not_agreed", {
    expected: "a silo's public key that masks can be agreed on with",
    got: `${publicKey}, with which there is no secret`,
    cause,
  });
}
