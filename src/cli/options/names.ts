// Why: a name that cannot stand in a certificate is a mistake in the command line, found before anything is made.
import { checkName } from "../../fed/pki/ca.ts";
import { type CertificateRole, isHost } from "../../fed/pki/x509.ts";
import { UsageError } from "./parse.ts";

/** @throws {UsageError} unless the name may stand in a certificate, as a key and as a folder. */
export function requireName(name: string): void {
  try {
    checkName(name);
  } catch (cause) {
    throw new UsageError(`${(cause as Error).message}; choose another name.`, { cause });
  }
}

/** Whom a certificate is for, as `fedx ca` is told. @throws {UsageError} unless name and hosts may stand in one. */
export function requireSubject(
  { NAME: name, role, host: hosts }: { NAME: string; role: string; host?: string[] },
): { name: string; role: CertificateRole; hosts?: string[] } {
  requireName(name);
  hosts?.forEach(requireHost);
  return { name, role: role as CertificateRole, ...hosts && { hosts } };
}

/** @throws {UsageError} unless `host` is a DNS name or an address, without scheme, brackets and port. */
export function requireHost(host: string): void {
  if (isHost(host)) return;
  throw new UsageError(
    `Cannot read --host: expected a DNS name or an address such as hub.example or 10.0.0.7, without scheme ` +
      `and port, got ${JSON.stringify(host)}.`,
  );
}
