/**
 * Sites with Flower in a run of fedx: the Fleet API that their stock SuperNodes call, over TLS with the aggregator's own
 * certificate, for those whose keys its operator has enrolled.
 */
import { layoutOf } from "../../../model/layout.ts";
import type { Guests, Inside } from "../../wire/guests.ts";
import { bodyOf } from "./body.ts";
import { signedApp } from "./app.ts";
import { answering, type Caller } from "./calls.ts";
import { Callers } from "./callers.ts";
import { enrolled, type FlowerSite, nodeOf, signingKey } from "./enrolment.ts";
import { listenGrpc } from "./grpc.ts";
import { listenHttp } from "./http.ts";
import { Mailbox } from "./mailbox.ts";
import { Presence } from "./presence.ts";
import { FleetRefusal } from "./refusal.ts";
import { ProtocolError } from "../../protocol/errors.ts";
import type { Address, Service, Transport } from "./service.ts";

/** Bytes of a reply beside the model's numbers, and by how much those may be more: names, shapes, and doubles for floats. */
const BESIDE = 16 << 20, TIMES = 2;

export interface FlowerHubOptions {
  /** The aggregator's certificate folder, which holds the enrolments. */
  tls: string;
  /** For Flower 1.40 and later. */
  http?: Address;
  /** For Flower 1.23 to 1.39. */
  grpc?: Address;
  /** Seconds until a site is asked again whose reply was not taken, doubled each time. @default 5 */
  again?: number;
  /** Seconds without a call after which a SuperNode is gone. @default 45 */
  silence?: number;
}

/** What `AggregatorOptions.guests` is to be for sites with Flower. @throws as the listeners and `enrolled` */
export function flowerHub(options: FlowerHubOptions): Guests {
  return async (inside) => {
    const { tls, http, grpc } = options;
    const { identity, onEvent, proposal: { flower } } = inside;
    const known = await enrolled(tls);
    const sites = flower.map((name) => known.get(name) ?? notEnrolled(name, tls));
    await using held = new AsyncDisposableStack();
    const { service, mailboxes } = serviceOf(inside, {
      ...options,
      sites,
      held,
      app: await signedApp(await signingKey(tls)),
    });
    const transports: Transport[] = [];
    for (const [listen, start, name] of [[http, listenHttp, "HTTP"], [grpc, listenGrpc, "gRPC"]] as const) {
      if (listen === undefined) continue;
      const transport = held.use(await start({ listen, identity, service, onEvent }));
      transports.push(transport);
      onEvent({ type: "flower_listening", host: listen.host, port: transport.port, transport: name });
    }
    // First whoever waits for an instruction is answered, then nobody is heard any more.
    for (const mailbox of mailboxes) held.use(mailbox);
    const all = held.move();
    return {
      renew: (identity) => transports.forEach((transport) => transport.renew(identity)),
      [Symbol.asyncDispose]: () => all.disposeAsync(),
    };
  };
}

function notEnrolled(name: string, tls: string): never {
  const remedy = `fedx flower enrol ${name} K.pub --train N --positives P --tls ${tls}`;
  throw new ProtocolError("bad_proposal", {
    expected: `${name} in ${tls}/flower.json`,
    got: "no such site",
    remedy,
  });
}

/** What answers every call, from whichever transport. */
function serviceOf(
  inside: Inside,
  { sites, held, app, again, silence }: Pick<FlowerHubOptions, "again" | "silence"> & {
    sites: readonly FlowerSite[];
    held: AsyncDisposableStack;
    app: Awaited<ReturnType<typeof signedApp>>;
  },
): { service: Service; mailboxes: readonly Mailbox[] } {
  const { proposal: { network, channels }, onEvent, memory } = inside;
  const run = BigInt.asUintN(62, BigInt(`0x${inside.run.slice(0, 16)}`)) + 1n;
  const layout = layoutOf(network, { channels });
  const most = TIMES * 4 * layout.length + BESIDE;
  const callers = new Map(sites.map((site): [string, Caller] => {
    const node = nodeOf(site);
    const mailbox = new Mailbox({ site: site.name, run, node, most, memory });
    const presence = held.use(new Presence({ site, mailbox, inside, layout, again, silence }));
    const refused = (got: string) =>
      onEvent({
        type: "refused",
        peer: site.name,
        code: "flower_reply",
        expected: "a reply to what is asked",
        got,
      });
    return [site.name, { site, node, mailbox, heard: (options) => presence.heard(options), refused }];
  }));
  const known = new Callers(sites);
  const answer = answering({ run, app });
  const service: Service = async ({ name, signed, body, from, signal }) => {
    try {
      const caller = callers.get(known.whose(signed).site.name)!;
      return await answer(name, await bodyOf(body), { caller, signal });
    } catch (error) {
      if (error instanceof FleetRefusal) {
        if (error.kind === "unknown") {
          const expected = "a SuperNode that is enrolled";
          onEvent({ type: "refused", peer: from, code: "flower_caller", expected, got: error.message });
        }
      } else if (!signal.aborted) {
        onEvent({ type: "warning", text: `a SuperNode's call ${name.slice(0, 40)} failed: ${error}` });
      }
      throw error;
    }
  };
  return { service, mailboxes: [...callers.values()].map(({ mailbox }) => mailbox) };
}
