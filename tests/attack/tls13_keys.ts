/**
 * The arithmetic of TLS 1.3 (RFC 8446) with one cipher suite, TLS_AES_128_GCM_SHA256, for peers that break the rules.
 *
 * Why our own: an honest TLS library neither shows a certificate whose key it lacks, nor sends a broken record behind
 * its Finished, nor resumes with a ticket that it should not have.
 */
import { Buffer } from "node:buffer";
import { createCipheriv, createDecipheriv, createHash, createHmac } from "node:crypto";

type Bytes = Uint8Array<ArrayBuffer>;

const ZEROS = new Uint8Array(32);
/** Bytes of a record's tag. */
const TAG = 16;

/** Content types of records. */
export const RECORD = { change: 20, alert: 21, handshake: 22, data: 23 } as const;

export function concat(...parts: readonly Uint8Array[]): Bytes {
  return new Uint8Array(Buffer.concat(parts));
}

/** A number as so many bytes, big-endian. */
export function uint(value: number, bytes: number): Bytes {
  return Uint8Array.from({ length: bytes }, (_, i) => Math.floor(value / 2 ** (8 * (bytes - 1 - i))) % 256);
}

/** Bytes with their length before them, in so many bytes. */
export function vector(bytes: number, ...parts: readonly Uint8Array[]): Bytes {
  const body = concat(...parts);
  return concat(uint(body.length, bytes), body);
}

export function sha256(...parts: readonly Uint8Array[]): Bytes {
  return new Uint8Array(createHash("sha256").update(concat(...parts)).digest());
}

export function hmac(key: Uint8Array, data: Uint8Array): Bytes {
  return new Uint8Array(createHmac("sha256", key).update(data).digest());
}

/** HKDF-Expand-Label for outputs of at most 32 bytes. */
export function expand(secret: Uint8Array, label: string, context: Uint8Array, length: number): Bytes {
  const name = new TextEncoder().encode(`tls13 ${label}`);
  const info = concat(uint(length, 2), vector(1, name), vector(1, context), Uint8Array.of(1));
  return hmac(secret, info).subarray(0, length);
}

function derive(secret: Uint8Array, label: string, messages: Uint8Array): Bytes {
  return expand(secret, label, sha256(messages), 32);
}

/** The secrets of one connection, one after another. */
export class Schedule {
  #secret: Bytes;

  /** @param psk a ticket's key @default none */
  constructor(psk: Uint8Array = ZEROS) {
    this.#secret = hmac(ZEROS, psk);
  }

  /** The binder of a ticket, over a ClientHello without its binders. */
  binder(hello: Uint8Array): Bytes {
    const key = derive(this.#secret, "res binder", new Uint8Array());
    return finished(key, hello);
  }

  /** Mixes in the shared secret, or nothing for the last stage. */
  next(shared: Uint8Array = ZEROS): void {
    this.#secret = hmac(derive(this.#secret, "derived", new Uint8Array()), shared);
  }

  derive(label: string, messages: Uint8Array): Bytes {
    return derive(this.#secret, label, messages);
  }
}

/** The verify_data of a Finished, or a binder. */
export function finished(traffic: Uint8Array, messages: Uint8Array): Bytes {
  return hmac(expand(traffic, "finished", new Uint8Array(), 32), sha256(messages));
}

/** Records of one direction under one key. */
export class Records {
  readonly #key: Bytes;
  readonly #iv: Bytes;
  #number = 0;

  constructor(traffic: Uint8Array) {
    this.#key = expand(traffic, "key", new Uint8Array(), 16);
    this.#iv = expand(traffic, "iv", new Uint8Array(), 12);
  }

  seal(type: number, content: Uint8Array): Bytes {
    const header = concat(Uint8Array.of(RECORD.data, 3, 3), uint(content.length + 1 + TAG, 2));
    const cipher = createCipheriv("aes-128-gcm", this.#key, this.#nonce());
    cipher.setAAD(header);
    const body = cipher.update(concat(content, Uint8Array.of(type)));
    return concat(header, body, cipher.final(), cipher.getAuthTag());
  }

  open(record: Uint8Array): { type: number; content: Bytes } {
    const cipher = createDecipheriv("aes-128-gcm", this.#key, this.#nonce());
    cipher.setAAD(record.subarray(0, 5));
    cipher.setAuthTag(record.subarray(record.length - TAG));
    const inner = concat(cipher.update(record.subarray(5, record.length - TAG)), cipher.final());
    const end = inner.findLastIndex((byte) => byte !== 0);
    return { type: inner[end], content: inner.subarray(0, end) };
  }

  #nonce(): Bytes {
    const number = uint(this.#number++, 12);
    return this.#iv.map((byte, i) => byte ^ number[i]);
  }
}
