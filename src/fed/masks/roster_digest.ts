/** The one name of a roster: whoever masks for other silos, another row or other readies of it has another. */
import { canonicalDigest } from "../../files/canonical.ts";
import type { Ready } from "../protocol/ready.ts";

/**
 * SHA-256 hex of the readies' canonical JSON.
 * @param readies Of one row, in the proposal's order, signatures left out.
 */
export function rosterDigest(readies: readonly Ready[]): string {
  return canonicalDigest(readies);
}
