/** The hosts that a certificate names: how they are written, and whether one of them is the host asked for. */
import { isIP } from "node:net";
import { type Der, textOf } from "./der.ts";

/** Context tags of the names in a certificate. */
export const NAME = { dns: 0x82, uri: 0x86, ip: 0x87 } as const;

const LABEL = "[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?";
/** As URLs read it, what ends in a number is an address. */
const NUMBER = "(\\d+|0x[\\da-f]*)$";
const DNS = new RegExp(`^(?=.{1,253}$)(${LABEL}\\.)*(?!${NUMBER})${LABEL}$`, "i");

/** Whether it is a DNS name without wildcards, and not an address. */
export function isDnsName(host: string): boolean {
  return DNS.test(host);
}

/** Whether it is a DNS name or an address, without scheme, brackets, port and zone: what certificates name. */
export function isHost(host: string): boolean {
  // An address with a zone (fe80::1%eth0) means something on one machine only.
  return isDnsName(host) || (isIP(host) !== 0 && !host.includes("%"));
}

/** The host of a URL as certificates name it: without brackets, and without the dot that may end a DNS name. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
}

/** An IPv6 address in its only short form without dots (RFC 5952 but for those), another host as it is. */
export function canonicalHost(host: string): string {
  return isIP(host) === 6 ? new URL(`http://[${host}]`).hostname.slice(1, -1) : host;
}

/** A DNS name, in lower case, or an address. @throws {SyntaxError} for a name of another kind */
export function hostIn({ tag, content }: Der): string {
  if (tag === NAME.dns) {
    const name = textOf(content);
    if (isDnsName(name)) return name.toLowerCase();
  } else if (tag === NAME.ip && content.length === 4) {
    return content.join(".");
  } else if (tag === NAME.ip && content.length === 16) {
    return canonicalHost(content.toHex().replaceAll(/(....)(?!$)/g, "$1:"));
  }
  throw new SyntaxError("another name than hosts");
}

/** Whether one of a certificate's hosts is the one asked for; wildcards name nothing. */
export function namesHost(hosts: readonly string[], host: string): boolean {
  return hosts.includes(canonicalHost(host.toLowerCase()));
}
