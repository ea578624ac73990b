/**
 * Sites with Flower in a run of fedx: the Fleet API that their stock SuperNodes call, over TLS with the aggregator's own
 * certificate, for those whose keys its operator has enrolled.
 */
import { layoutOf } from "../../../model/layout.ts";
import type { OnEvent } from "../../protocol/event.ts";
import type { Guests, Inside } from "../../wire/guests.ts";
import { type SignedApp, signedApp } from "./app.ts";
import { Bodies } from "./body.ts";
import { answering, type Caller } from "./calls.ts";
import { Callers } from "./callers.ts";
import { enrolled, type FlowerSite, nodeOf, signingKey } from "./enrolment.ts";
import { idOf } from "./ids.ts";
import { listenFleet } from "./listen.ts";
import { Mailbox } from "./mailbox.ts";
import { Presence } from "./presence.ts";
import { FleetRefusal } from "./refusal.ts";
import { cut } from "../refused.ts";
import type { Address, FleetCall, Service } from "./service.ts";

/** Bytes of a reply beside the model's numbers, and by how much those may be more: names, shapes, and doubles for floats. */
const BESIDE = 16 << 20, TIMES = 2;

export interface FlowerHubOptions {
  /** The aggregator's certificate folder, which holds the enrolments. */
  tls: string;
  /** Where SuperNodes call, over HTTP or gRPC. */
  listen: Address;
  /** Seconds until a site is asked again whose reply was not taken, doubled each time. @default 5 */
  again?: number;
  /** Seconds without a call after which a SuperNode is gone. @default 45 */
  silence?: number;
}

/** What `AggregatorOptions.guests` is to be for sites with Flower. @throws as `listenFleet` and `enrolled` */
export function flowerHub(options: FlowerHubOptions): Guests {
  return async (inside) => {
    const { tls, listen } = options;
    const { identity, onEvent, proposal: { flower } } = inside;
    const known = await enrolled(tls);
    const sites = flower.flatMap((name) => known.get(name) ?? notEnrolled(name, options, onEvent));
    await using held = new AsyncDisposableStack();
    const app = await signedApp(await signingKey(tls));
    const { service, mailboxes } = serviceOf(inside, { ...options, sites, held, app });
    const port = held.use(await listenFleet(listen, { identity, service }));
    onEvent({ type: "flower_listening", host: listen.host, port: port.port });
    // First whoever waits for an instruction is answered, then nobody is heard any more.
    for (const mailbox of mailboxes) held.use(mailbox);
    const all = held.move();
    return { renew: (identity) => port.renew(identity), [Symbol.asyncDispose]: () => all.disposeAsync() };
  };
}

/** Nobody can be a site whose enrolment was taken back; the operator may go on without it. */
function notEnrolled(name: string, { tls }: FlowerHubOptions, onEvent: OnEvent): FlowerSite[] {
  const text = `${name} is not in ${tls}/flower.json: enrol it (fedx flower enrol), or go on --without it`;
  onEvent({ type: "warning", text });
  return [];
}

/** A site as the port finds it. */
interface Served extends Caller {
  bodies: Bodies;
}

/** What answers every call, whichever way it came. */
function serviceOf(
  inside: Inside,
  { sites, held, app, again, silence }: Pick<FlowerHubOptions, "again" | "silence"> & {
    sites: readonly FlowerSite[];
    held: AsyncDisposableStack;
    app: SignedApp;
  },
): { service: Service; mailboxes: readonly Mailbox[] } {
  const { proposal: { network, channels }, onEvent, memory } = inside;
  const run = idOf(inside.run);
  const layout = layoutOf(network, { channels });
  const most = TIMES * 4 * layout.length + BESIDE;
  const callers = new Map(sites.map((site): [string, Served] => {
    const node = nodeOf(site);
    const mailbox = new Mailbox({ site: site.name, run, node, most, memory });
    const presence = held.use(new Presence({ site, mailbox, inside, layout, again, silence }));
    const refused = (got: string) =>
      refuse(onEvent, {
        peer: site.name,
        code: "flower_reply",
        expected: "a reply to what is asked",
        got: cut(got),
      });
    const heard: Caller["heard"] = (options) => presence.heard(options);
    return [site.name, { site, node, mailbox, heard, refused, bodies: new Bodies() }];
  }));
  const known = new Callers(sites);
  const answer = answering({ run, app });
  const service: Service = async (call, notice) => {
    const { name, body, signal } = call;
    const caller = callers.get(whose(call, known, onEvent))!;
    notice(caller.site.name);
    return await caller.bodies.read(name, body, (bytes) => answer(name, bytes, { caller, signal }))
      .catch((error) => {
        if (!(error instanceof FleetRefusal)) {
          const got = cut(`${name}: ${error}`);
          const expected = "a call that can be answered";
          refuse(onEvent, { peer: caller.site.name, code: "flower_caller", expected, got });
        } else if (error.kind === "unknown") {
          const expected = "calls in its own name";
          refuse(onEvent, { peer: caller.site.name, code: "flower_caller", expected, got: error.message });
        }
        throw error;
      });
  };
  return { service, mailboxes: [...callers.values()].map(({ mailbox }) => mailbox) };
}

/** The site that signed a call; whoever is refused is told of, by name where the key is a site's. @throws {FleetRefusal} */
function whose({ signed, from }: FleetCall, known: Callers, onEvent: OnEvent): string {
  try {
    return known.whose(signed).name;
  } catch (error) {
    const { message, site } = error as FleetRefusal;
    const expected = "a call that an enrolled key has signed just now";
    refuse(onEvent, { peer: site ?? from.split(" ")[0], code: "flower_caller", expected, got: message });
    throw error;
  }
}

const refuse = (
  onEvent: OnEvent,
  refusal: { peer: string; code: string; expected: string; got: string },
) => onEvent({ type: "refused", ...refusal });
