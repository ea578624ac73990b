/**
 * A stranger gets session tickets by breaking the connection right behind its Finished, and comes back with one: a
 * resumed session shows the certificate of the first handshake, which nobody had accepted.
 *
 * Against 4b8d8f7 the aggregator answers 50 of 50 of these.
 */
import { assert, assertEquals } from "@std/assert";
import { readIdentity } from "../../src/fed/pki/own_certificate.ts";
import { Client } from "../../src/fed/wire/client.ts";
import type { FedEvent } from "../../src/fed/protocol/event.ts";
import { runRole, withFederation } from "../testing/fake_federation.ts";
import { withAggregator } from "../testing/listening.ts";
import { draft, keys, make, nameOf, readDer, readKey } from "../testing/certificates.ts";
import { forgeries } from "./forged.ts";
import { ask } from "./http2.ts";
import { connect, type Shown, type Ticket } from "./tls13.ts";

/** A record of encrypted data that nobody can decrypt. */
const BROKEN = Uint8Array.of(23, 3, 3, 0, 20, ...new Uint8Array(20));

/** The tickets that a server hands out before it looks at the certificate. */
async function ticketsOf(port: number, shown: Shown, behind = BROKEN): Promise<Ticket[]> {
  using first = await connect(port, { shown, behind });
  while (first.tickets.length === 0 && await first.read() !== null);
  return first.tickets;
}

/** A stranger's certificate that names silo a. */
function stranger(): Shown {
  const own = keys();
  const self = { name: nameOf("a"), key: own.privateKey };
  return { certificates: [make(draft("silo", self, { key: own.publicKey }))], key: own.privateKey };
}

/** How many of `times` resumed sessions get an answer; after each, the honest silo a is served, unless it stays away. */
async function resume(
  dir: string,
  options: {
    port: number;
    times: number;
    shown: () => Promise<Shown> | Shown;
    behind?: Uint8Array<ArrayBuffer>;
    alone?: boolean;
  },
): Promise<{ tickets: number; answered: number; live: number }> {
  const { port, times, shown, behind, alone = false } = options;
  const count = { tickets: 0, answered: 0, live: 0 };
  for (let i = 0; i < times; i++) {
    const [ticket] = await ticketsOf(port, await shown(), behind);
    if (ticket === undefined) continue;
    count.tickets++;
    using back = await connect(port, { ticket });
    if (await ask(back)) count.answered++;
    if (alone) continue;
    using honest = new Client({
      server: new URL(`https://127.0.0.1:${port}`),
      identity: await readIdentity(`${dir}/tls-a`),
      wait: 0.01,
      onEvent() {},
    });
    await honest.view().catch(() => count.live++);
  }
  return count;
}

/** What the aggregator says of resumed sessions, and whose they are. */
const resumedOnes = (events: FedEvent[]) =>
  events.filter((event) =>
    event.type === "refused" && event.got === "a resumed session" && event.peer === "127.0.0.1"
  );

Deno.test("a stranger who resumes a session as silo a is refused 50 times of 50, and a itself is served", () =>
  withFederation(async (dir) => {
    await withAggregator(dir, async ({ port }, events) => {
      const count = await resume(dir, { port, times: 50, shown: stranger });
      assertEquals(count, { tickets: 50, answered: 0, live: 0 });
      assert(resumedOnes(events).length >= 5, "the first ones are told one by one");
      const sessions = events.filter((event) => event.type === "session" && event.open);
      assertEquals(sessions.length, 50, "the honest ones alone");
      // The same aggregator, and an honest run.
      const silos = await Promise.all(["a", "b", "c"].map((role) => runRole({ dir, port, role })));
      assertEquals(silos.map(({ rounds }) => rounds), [4, 4, 4]);
    });
  }));

Deno.test("an honest silo's own ticket is refused as well, 50 times of 50", () =>
  withFederation(async (dir) => {
    const shown = {
      certificates: [await readDer(`${dir}/tls-a/cert.pem`)],
      key: await readKey(`${dir}/tls-a/key.pem`),
    };
    await withAggregator(dir, async ({ port }, events) => {
      const count = await resume(dir, { port, times: 50, shown: () => shown, behind: new Uint8Array() });
      assertEquals(count, { tickets: 50, answered: 0, live: 0 });
      assert(resumedOnes(events).length >= 5, "the first ones are told one by one");
    });
  }));

Deno.test("no forged certificate of silo a is served, in its own session or in a resumed one, 50 times of 50 each", () =>
  withFederation(async (dir) => {
    await withAggregator(dir, async ({ port }, events) => {
      const forms = Object.entries(await forgeries(dir, "silo"));
      for (let i = 0; i < 50; i++) {
        for (const [form, shown] of forms) {
          const before = events.length;
          const own = await connect(port, { shown }).catch(() => null);
          if (own !== null) assertEquals(await ask(own), false, form);
          own?.[Symbol.dispose]();
          const told = events.slice(before).some(({ type }) => type === "refused");
          assert(i > 0 || told, form);
          const { answered } = await resume(dir, { port, times: 1, shown: () => shown, alone: true });
          assertEquals(answered, 0, form);
        }
      }
    });
  }));
