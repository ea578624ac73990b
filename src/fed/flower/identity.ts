/**
 * Who a node is to a Flower link: an EC key on P-384, with which it signs the time of each call.
 *
 * The link knows the key by the bytes of its PEM text and a registered one by its OpenSSH line.
 */
import { Buffer } from "node:buffer";
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { digest } from "../../files/digest.ts";
import { refusal } from "../../refusal.ts";
import { CURVES, writeLine } from "./open_ssh.ts";

/** Milliseconds for which one signature is used again; links take five minutes. */
const FRESH = 60_000;

/** What goes with every call. */
export interface Signature {
  /** SPKI, PEM. */
  publicKey: Uint8Array;
  /** ISO 8601 in UTC. */
  timestamp: string;
  /** ECDSA with SHA-256 of the timestamp's text, DER. */
  signature: Uint8Array;
}

/** A node's key. */
export class FlowerIdentity {
  readonly #key: KeyObject;
  readonly #now: () => Date;
  #signed: (Signature & { at: number }) | null = null;
  /** SPKI, PEM, as the link compares it. */
  readonly publicKey: Uint8Array;

  /** @throws {SyntaxError} unless `pem` is a private key on P-384 or P-256. */
  constructor(pem: string, { now = () => new Date() }: { now?: () => Date } = {}) {
    this.#key = keyOf(pem);
    this.#now = now;
    this.publicKey = Buffer.from(createPublicKey(this.#key).export({ type: "spki", format: "pem" }));
  }

  /** A new private key, PEM. */
  static generate(): string {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-384" });
    return String(privateKey.export({ type: "pkcs8", format: "pem" }));
  }

  /** A number from 1 to 2³¹ that other nodes hardly have too. */
  get number(): number {
    return 1 + parseInt(digest(this.publicKey).slice(0, 8), 16) % 2 ** 31;
  }

  /** Signs the time of now, or gives the signature of a moment ago. */
  sign(): Signature {
    const now = this.#now();
    if (this.#signed !== null && Math.abs(now.getTime() - this.#signed.at) < FRESH) return this.#signed;
    // Python before 3.11 reads no Z.
    const timestamp = now.toISOString().replace("Z", "+00:00");
    const signature = sign("sha256", Buffer.from(timestamp), this.#key);
    const signed = { publicKey: this.publicKey, timestamp, signature, at: now.getTime() };
    this.#signed = signed;
    return signed;
  }

  /** The public key as one line of OpenSSH, for `flower-supernode`'s operators: `flwr supernode register`. */
  get sshLine(): string {
    const { crv, x, y } = createPublicKey(this.#key).export({ format: "jwk" });
    const { name } = CURVES[crv!];
    const [left, right] = [x!, y!].map((side) => Buffer.from(side, "base64url"));
    const point = Buffer.concat([Uint8Array.of(4), left, right]);
    return writeLine(`ecdsa-sha2-${name}`, [Buffer.from(name), point]);
  }
}

function keyOf(pem: string): KeyObject {
  const refused = (got: string, cause?: unknown) =>
    refusal(SyntaxError, { what: "Cannot read the key", expected: "an EC private key on P-384, PEM", got }, {
      cause,
    });
  let key: KeyObject;
  try {
    key = createPrivateKey(pem);
  } catch (cause) {
    throw refused("a text that is none", cause);
  }
  const curve = key.asymmetricKeyType === "ec"
    ? createPublicKey(key).export({ format: "jwk" }).crv
    : undefined;
  if (Object.hasOwn(CURVES, curve ?? "")) return key;
  throw refused(curve ?? String(key.asymmetricKeyType));
}
