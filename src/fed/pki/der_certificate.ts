/**
 * What an X.509 certificate says, read strictly: version 3, DER to the last byte, one P-256 key, ECDSA with SHA-256.
 *
 * Nothing here is a judgement; peer.ts says what a certificate must hold.
 */
import { digest } from "../../files/digest.ts";
import { type Der, oidText, partsOf, readDer, TAG, timeOf } from "./der.ts";
import { type Extension, extensionsOf } from "./extensions.ts";

/** A certificate's fields. Byte strings are views of what was read. */
export interface Certificate {
  /** What is signed. */
  signed: Uint8Array;
  /** Lower-case hex, as `fedx ca` records it. */
  serial: string;
  /** Names as they are encoded: two are the same when their bytes are. */
  issuer: Uint8Array;
  subject: Uint8Array;
  notBefore: Date;
  notAfter: Date;
  /** By object identifier. */
  extensions: ReadonlyMap<string, Extension>;
  /** The algorithm named inside of what is signed, the one outside, the signature and the key, as they are encoded. */
  raw: { inner: Uint8Array; outer: Uint8Array; signature: Uint8Array; key: Uint8Array };
}

/** Bytes of the longest certificate that is read; ours have under 600. */
const LIMIT = 16 << 10;
/** [0] {INTEGER 2}, which means 3. */
const VERSION_3 = "a003020102";
/** SEQUENCE {ecdsa-with-SHA256}, without parameters. */
const ECDSA_SHA256 = "300a06082a8648ce3d040302";
/** SEQUENCE {SEQUENCE {ecPublicKey, P-256}, BIT STRING of an uncompressed point}, up to the point. */
const P256 = "3059301306072a8648ce3d020106082a8648ce3d03010703420004";
const POINT = 64;
/** The commonName in a name. */
const COMMON_NAME = "2.5.4.3";

/** @throws {SyntaxError} its message is what stands there instead, for a sentence that says “got …”. */
export function readCertificate(bytes: Uint8Array): Certificate {
  if (bytes.length > LIMIT) refuse(`${bytes.length} bytes`);
  const [body, outer, signature] = partsOf(readDer(bytes), TAG.sequence, 3);
  const [version, serial, inner, issuer, validity, subject, key, extensions] = fieldsOf(body);
  if (version.whole.toHex() !== VERSION_3) refuse("a certificate of another version than 3");
  return {
    signed: body.whole,
    serial: serialOf(serial),
    issuer: issuer.whole,
    subject: subject.whole,
    ...datesOf(validity),
    extensions: extensionsOf(extensions),
    raw: { inner: inner.whole, outer: outer.whole, signature: signature.whole, key: key.whole },
  };
}

/**
 * The signature as node:crypto takes it: two positive numbers, in DER.
 * @throws {SyntaxError} of another algorithm, or not in its only form.
 */
export function signatureOf({ raw }: Certificate): Uint8Array {
  const { inner, outer, signature } = raw;
  if (inner.toHex() !== ECDSA_SHA256) refuse("another signature algorithm than ecdsa-with-SHA256");
  if (outer.toHex() !== ECDSA_SHA256) refuse("two different signature algorithms");
  const { tag, content } = readDer(signature);
  if (tag !== TAG.bits || content[0] !== 0) refuse("a signature of another form");
  const numbers = content.subarray(1);
  for (const number of partsOf(readDer(numbers), TAG.sequence, 2)) {
    if (number.tag !== TAG.integer || number.content[0] >= 0x80) refuse("a signature of another form");
  }
  return numbers;
}

/** SubjectPublicKeyInfo, DER. @throws {SyntaxError} unless it is of P-256 and uncompressed. */
export function keyOf({ raw }: Certificate): Uint8Array {
  const hex = raw.key.toHex();
  if (!hex.startsWith(P256) || hex.length !== P256.length + 2 * POINT) {
    refuse("another key than one of P-256");
  }
  return raw.key;
}

/** SHA-256 of a certificate's public key, lower-case hex: it stays when the key's holder gets another certificate. */
export function keyDigestOf(certificate: Certificate): string {
  return digest(keyOf(certificate));
}

/** The eight fields of what is signed; a version 1 certificate has no first and no last. */
function fieldsOf(body: Der): Der[] {
  if (body.tag !== TAG.sequence) refuse("something else than a certificate");
  if (body.parts[0]?.tag !== 0xa0) refuse("a certificate of version 1");
  const tags = [
    0xa0,
    TAG.integer,
    TAG.sequence,
    TAG.sequence,
    TAG.sequence,
    TAG.sequence,
    TAG.sequence,
    0xa3,
  ];
  const found = body.parts.map((part) => part.tag);
  if (found.join() !== tags.join()) refuse("a certificate with other fields");
  return body.parts;
}

/** A positive number of at most 20 bytes. */
function serialOf({ content }: Der): string {
  const hex = content.toHex();
  if (content[0] >= 0x80 || content.length > 20 || hex === "00") refuse("a serial number out of range");
  return content[0] === 0 ? hex.slice(2) : hex;
}

function datesOf(validity: Der): { notBefore: Date; notAfter: Date } {
  const [notBefore, notAfter] = partsOf(validity, TAG.sequence, 2).map(({ tag, content }) =>
    timeOf(tag, content)
  );
  return { notBefore, notAfter };
}

/** A name for people: its common name. */
export function nameText(name: Uint8Array): string {
  const attributes = readDer(name).parts.flatMap((set) => set.parts);
  const common = attributes.find(({ parts }) =>
    parts.length === 2 && oidText(parts[0].content) === COMMON_NAME
  );
  if (common === undefined) return "a nameless authority";
  const text = new TextDecoder().decode(common.parts[1].content);
  return `CN=${text.replaceAll(/[^ -~]/g, "?").slice(0, 80)}`;
}

function refuse(got: string): never {
  throw new SyntaxError(got);
}
