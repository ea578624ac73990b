// Why: the same checks as the roles make before they connect, with their remedies.
import { Admission } from "../../../fed/pki/admission.ts";
import { checkCertificate, type Checked, readIdentity } from "../../../fed/pki/own_certificate.ts";
import { clockWarning } from "../../../fed/wire/clock.ts";
import type { CertificateRole } from "../../../fed/pki/x509.ts";
import { bad, type Check, failed, good, open } from "./check.ts";
import { plural } from "../../../plural.ts";

/** A clock before this has not been set: the program is younger. */
const EPOCH = Date.UTC(2025, 0, 1);

/** Files, modes, chain, key, role, name and dates of a certificate folder. */
export async function checkIdentity(
  dir: string | undefined,
  options: { role: CertificateRole; name?: string; now?: Date },
): Promise<Check> {
  const name = "certificate";
  if (dir === undefined) return open(name, "no folder named", "give --tls");
  try {
    return describe(name, await checkCertificate(dir, options));
  } catch (error) {
    return failed(name, error, "make one with: fedx ca request and fedx ca sign");
  }
}

function describe(name: string, { fingerprint, keyDigest, silo, expires, warning }: Checked): Check {
  const key = silo === null ? "" : `, key ${keyDigest}`;
  const detail = `${fingerprint.slice(0, 16)}…, until ${expires.slice(0, 10)}${key}`;
  if (warning === undefined) return good(name, detail);
  return good(name, `${detail}: ${warning.problem}`, warning.remedy);
}

/** The aggregator's list of revoked certificates. */
export async function checkRevocations(dir: string | undefined): Promise<Check> {
  const name = "revocations";
  if (dir === undefined) return open(name, "no folder named", "give --tls");
  try {
    const { ca } = await readIdentity(dir);
    const { size } = await Admission.open(dir, { ca });
    return good(name, size === 0 ? "no certificate is revoked" : `${plural(size, "certificate")} revoked`);
  } catch (error) {
    return failed(name, error, "put the certificate folder right first");
  }
}

/** The clock by itself, and against the aggregator's where that answered (seconds it is ahead). */
export function checkClock(now: Date, ahead: number | null): Check {
  const name = "clock", time = now.toISOString();
  if (now.getTime() < EPOCH) return bad(name, `${time}: it was never set`, "set this machine's clock (NTP)");
  const warning = clockWarning(ahead);
  if (warning !== null) return bad(name, warning.problem, warning.remedy);
  return ahead === null
    ? good(name, `${time}; not compared with the aggregator's`)
    : good(name, `${time}, ${Math.abs(ahead).toFixed(0)} s from the aggregator's`);
}
