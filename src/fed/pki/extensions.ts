/** A certificate's extensions: what else it says, under object identifiers, and which of it must be understood. */
import { type Der, oidText, partsOf, readDer, TAG } from "./der.ts";
import { OID } from "./x509.ts";

/** One extension; `value` is its DER. */
export interface Extension {
  critical: boolean;
  value: Uint8Array;
}

/** Extensions by object identifier. */
export type Extensions = ReadonlyMap<string, Extension>;

/** Bits of a key usage's first byte: signs handshakes; signs certificates. */
export const KEY_USAGE = { digitalSignature: 0x80, keyCertSign: 0x04 } as const;

/** The extensions of a certificate's last field. @throws {SyntaxError} one of another form, or twice. */
export function extensionsOf(field: Der): Extensions {
  const [list] = partsOf(field, field.tag, 1);
  if (list.tag !== TAG.sequence || list.parts.length === 0) refuse("extensions of another form");
  const extensions = new Map<string, Extension>();
  for (const { tag, parts } of list.parts) {
    const [oid, ...rest] = parts;
    const value = rest.pop();
    // DER leaves out what is the default: a boolean that stands here is true.
    const critical = rest.length === 1 && rest[0].tag === TAG.boolean && rest[0].content[0] === 0xff;
    const good = tag === TAG.sequence && oid?.tag === TAG.oid && value?.tag === TAG.bytes;
    if (!good || rest.length !== Number(critical)) return refuse("an extension of another form");
    const name = oidText(oid.content);
    if (extensions.has(name)) refuse(`the extension ${name} twice`);
    extensions.set(name, { critical, value: value.content });
  }
  return extensions;
}

/** What the extension `name` holds. @throws {SyntaxError} there is none. */
export function valueOf(extensions: Extensions, name: keyof typeof OID): Der {
  const extension = extensions.get(OID[name]);
  return extension === undefined ? refuse(`none with the extension ${name}`) : readDer(extension.value);
}

/** @throws {SyntaxError} there is one that must be understood, and is not. */
export function refuseUnknown(extensions: Extensions): void {
  const known = new Set<string>(Object.values(OID));
  for (const [name, { critical }] of extensions) {
    if (critical && !known.has(name)) refuse(`the unknown critical extension ${name}`);
  }
}

/** The first byte of the key usage. @throws {SyntaxError} there is none. */
export function keyUsage(extensions: Extensions): number {
  const { tag, content } = valueOf(extensions, "keyUsage");
  return tag === TAG.bits && content.length > 1 ? content[1] : refuse("a key usage of another form");
}

/** Whether it is an authority's certificate. @throws {SyntaxError} it does not say. */
export function isAuthority(extensions: Extensions): boolean {
  const { tag, parts } = valueOf(extensions, "basicConstraints");
  if (tag !== TAG.sequence) refuse("basic constraints of another form");
  const [first] = parts;
  if (first === undefined) return false;
  // DER leaves out a false, and a number of authorities below is an authority's alone.
  return first.tag === TAG.boolean && first.content[0] === 0xff
    ? true
    : refuse("basic constraints of another form");
}

function refuse(got: string): never {
  throw new SyntaxError(got);
}
