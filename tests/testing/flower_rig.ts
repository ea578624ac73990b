/** Real runs of the roles in which silo c is a site with Flower: the aggregator's hub, two silos of fedx, and a node. */
import { flowerHub, type FlowerHubOptions } from "../../src/fed/flower/hub/hub.ts";
import type { AggregatorResult } from "../../src/fed/training/result.ts";
import { type RoleOptions, type RoleSpec, runRole, withFederation } from "./fake_federation.ts";
import { answered, enrolNew, FlowerSite, type Instruction, type SiteOptions } from "./flower_site.ts";
import { freePort } from "./free_port.ts";

const SPEC = { full: true, rounds: 1, seed: 7, proposal: { quorum: 2, flower: ["c"] } };

/** What a test runs. */
export interface Rig {
  dir: string;
  spec: Omit<RoleSpec, "role">;
  site: SiteOptions;
  hub: FlowerHubOptions;
}

/** A federation whose silo c runs Flower. */
export async function withSite(
  transport: "http" | "grpc",
  body: (rig: Rig) => Promise<void>,
  hub: Partial<FlowerHubOptions> = {},
): Promise<void> {
  await withFederation(async (dir) => {
    const tls = `${dir}/tls-aggregator`;
    const identity = await enrolNew(tls, "c");
    const [port, fleet] = [freePort(), freePort()];
    await body({
      ...{ dir, spec: { ...SPEC, dir, port } },
      site: { name: "c", port: fleet, transport, ca: await Deno.readTextFile(`${dir}/ca/ca.pem`), identity },
      hub: { tls, again: .05, listen: { host: "127.0.0.1", port: fleet }, ...hub },
    });
  });
}

/** The aggregator in this process. */
export const aggregator = ({ spec, hub }: Rig, options: RoleOptions = {}) =>
  runRole({ ...spec, role: "aggregator" }, { ...options, guests: flowerHub(hub) }) as Promise<
    AggregatorResult
  >;

/** The silos of fedx, a and b. */
export const silos = ({ spec }: Rig, options: RoleOptions = {}) =>
  Promise.all(["a", "b"].map((role) => runRole({ ...spec, role }, options)));

/** Answers as the third silo until the run is over; `instead` may do something else first, and says whether it did. */
export async function serve(
  rig: Rig,
  over: Promise<unknown>,
  instead: (site: FlowerSite, asked: Instruction) => Promise<boolean> = () => Promise.resolve(false),
): Promise<void> {
  using site = await FlowerSite.open(rig.site);
  let ended = false;
  const end = () => {
    ended = true;
    site[Symbol.dispose]();
  };
  over.then(end, end);
  while (!ended) {
    try {
      const asked = await site.next();
      if (await instead(site, asked)) continue;
      await site.push(site.pack(asked, { content: await answered(asked, SITE) }));
    } catch (error) {
      if (!ended) throw error;
    }
  }
}

/** The trainer that the site has, as the third silo's. */
export const SITE = { silo: "c", number: 3, seed: 7 };
