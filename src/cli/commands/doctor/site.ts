// Why: a masked run is refused where the site folder cannot be used, or where peers' keys are lacking; both take time to
// put right that nobody has on the day of the run.
import { caDigest } from "../../../fed/pki/issuer.ts";
import type { Proposal } from "../../../fed/protocol/messages.ts";
import { checkPeersPinned, type Limits } from "../../../fed/silo/limits.ts";
import { Site } from "../../../fed/state/site.ts";
import { defaultSite } from "../../../files/site_folder.ts";
import { plural } from "../../../plural.ts";
import { bad, type Check, failed, good, open } from "./check.ts";

const PIN = "have each hospital read out its key by telephone, then pin it: fedx peers";

/**
 * Whether the site folder can be used, and whether the peers of a masked run are known by their keys.
 *
 * @param dir the folder, undefined for this user's
 * @param options.ca the authority's certificate, PEM; null where it cannot be read
 * @param options.proposal what the aggregator proposes, where it was reached
 */
export async function checkSite(
  dir: string | undefined,
  options: { ca: string | null; proposal: Proposal | null; accept?: Limits },
): Promise<Check[]> {
  const name = "site folder";
  try {
    using site = await Site.open(dir ?? defaultSite());
    return [good(name, `${site.dir}: what is masked for whom is kept there`), checkPeers(site, options)];
  } catch (error) {
    return [
      failed(name, error, "name another folder with --site"),
      open("peers", "no site folder to look into"),
    ];
  }
}

function checkPeers(
  site: Site,
  { ca, proposal, accept }: { ca: string | null; proposal: Proposal | null; accept?: Limits },
): Check {
  const name = "peers";
  if (ca === null) return open(name, "no authority to look them up by", "give --tls");
  const pins = site.pinned(caDigest(ca));
  const trustCa = accept?.trustCa ?? true;
  if (proposal !== null) {
    if (proposal.masked === null) return good(name, "the run is not masked: no key is compared");
    try {
      checkPeersPinned(proposal, { pins, trustCa });
    } catch (error) {
      return failed(name, error, PIN);
    }
  }
  if (pins.size > 0) return good(name, `${plural(pins.size, "key")} pinned: ${[...pins.keys()].join(", ")}`);
  const none = "no key is pinned";
  if (!trustCa) return bad(name, `${none}, and accept.trust_ca is false: a masked run will be refused`, PIN);
  return good(name, `${none}: the holder of the certificate authority is trusted`, PIN);
}
