/** The X.509 library and the few numbers of it that this federation uses; keys are EC P-256. */
import { isIP } from "node:net";
import type * as x509 from "@peculiar/x509";
import * as v from "valibot";
import { canonicalHost, isHost } from "./host.ts";

/** Keys and signatures of certificates, requests and the list of revoked certificates. */
export const CURVE = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

/** Which EKU and SAN a certificate carries. */
export type CertificateRole = "aggregator" | "silo";

/** Extended key usage by role: serverAuth and clientAuth. */
export const EKU: Record<CertificateRole, string> = {
  aggregator: "1.3.6.1.5.5.7.3.1",
  silo: "1.3.6.1.5.5.7.3.2",
};

/** OIDs of the extensions that certificates of this federation have; a request may ask for names and extended usage. */
export const OID = {
  keyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  alternativeName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
} as const;

/** A certificate's serial number as it is recorded: lower-case hex. */
export const SerialNumber = v.pipe(v.string(), v.regex(/^[0-9a-f]{2,40}$/));

/** The URI that names a silo in its certificate. */
export const siloUri = (name: string): string => `urn:fedx:silo:${name}`;

/** The library, loaded on first use: it takes 60 ms, which only `ca` and `demo` pay. */
export async function library(): Promise<typeof x509> {
  await import("reflect-metadata");
  return await import("@peculiar/x509");
}

/** A DNS name or an address as a SAN holds it. @throws {RangeError} it is neither, or a wildcard. */
export function hostName(host: string): x509.JsonGeneralName {
  if (isHost(host)) {
    return isIP(host) === 0 ? { type: "dns", value: host } : { type: "ip", value: canonicalHost(host) };
  }
  throw new RangeError(
    `Cannot make a certificate for ${
      JSON.stringify(host)
    }: expected a DNS name without wildcards or an IP address`,
  );
}

/** SANs of a certificate, or of a request for one. */
export function alternativeNames(
  role: CertificateRole,
  names: { name: string; hosts: readonly string[] },
): x509.JsonGeneralName[] {
  return role === "silo" ? [{ type: "url", value: siloUri(names.name) }] : names.hosts.map(hostName);
}

/** Lower-case hex SHA-256 of the DER, as `openssl x509 -fingerprint -sha256` without colons. */
export async function fingerprintOf(pem: { rawData: ArrayBuffer }): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", pem.rawData)).toHex();
}
