/** The two listeners, without a run: who is heard, which certificate they show, and what they make of calls that are none. */
import { assertEquals, assertRejects } from "@std/assert";
import { Fleet } from "../../../../src/fed/flower/fleet.ts";
import { flowerHub } from "../../../../src/fed/flower/hub/hub.ts";
import type { FlowerIdentity } from "../../../../src/fed/flower/identity.ts";
import { LinkError } from "../../../../src/fed/flower/link/link.ts";
import { initCa, issue } from "../../../../src/fed/pki/ca.ts";
import { readIdentity } from "../../../../src/fed/pki/own_certificate.ts";
import { ProtocolError } from "../../../../src/fed/protocol/errors.ts";
import type { FedEvent } from "../../../../src/fed/protocol/event.ts";
import type { Served } from "../../../../src/fed/wire/guests.ts";
import { proposalOf } from "../../../testing/fake_federation.ts";
import { startVector, TINY } from "../../../testing/fake_trainer.ts";
import { enrolNew } from "../../../testing/flower_site.ts";
import { inFolder } from "../../../testing/folder.ts";
import { freePort } from "../../../testing/free_port.ts";

type Transport = "http" | "grpc";
interface Rig {
  dir: string;
  hub: Served;
  port: number;
  identity: FlowerIdentity;
  events: FedEvent[];
}

/** A hub of nobody's run, whose requests to the aggregator are never answered; folders tls and tls2 are of two authorities. */
async function withHub(transport: Transport, body: (rig: Rig) => Promise<void>): Promise<void> {
  await inFolder(async (dir) => {
    for (const suffix of ["", "2"]) {
      await initCa(`${dir}/ca${suffix}`);
      await issue({ name: "hub", role: "aggregator", ca: `${dir}/ca${suffix}`, out: `${dir}/tls${suffix}` });
    }
    const tls = `${dir}/tls`;
    const identity = await enrolNew(tls, "c");
    const port = freePort();
    const events: FedEvent[] = [];
    await using hub = await flowerHub({ tls, [transport]: { host: "127.0.0.1", port } })({
      ...{ run: "0f".repeat(16), proposal: proposalOf(startVector(TINY), { flower: ["c"] }), gone() {} },
      handler: ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
      memory: { get: () => null, set() {} },
      ...{ identity: await readIdentity(tls), onEvent: (event: FedEvent) => void events.push(event) },
    });
    await body({ dir, hub, port, identity, events });
  });
}

const open = async ({ dir, port, identity }: Rig, { transport, ca }: { transport: Transport; ca: string }) =>
  await Fleet.open(new URL(`https://127.0.0.1:${port}`), {
    ...{ transport, identity, ca: await Deno.readTextFile(`${dir}/${ca}/ca.pem`) },
  });

for (const transport of ["http", "grpc"] as const) {
  Deno.test(`flowerHub over ${transport}: a renewed certificate is shown on the same port, and nodes come back`, () =>
    withHub(transport, async (rig) => {
      {
        using fleet = await open(rig, { transport, ca: "ca" });
        const { node } = await fleet.call("ActivateNode", { key: rig.identity.publicKey, interval: 30 });
        assertEquals(await fleet.call("SendNodeHeartbeat", { node: { id: node }, interval: 30 }), {
          success: true,
        });
      }
      await assertRejects(() => open(rig, { transport, ca: "ca2" }), LinkError);
      rig.hub.renew(await readIdentity(`${rig.dir}/tls2`));
      for (let left = 50;; left--) {
        const fleet = await open(rig, { transport, ca: "ca2" }).catch((error) => {
          if (left === 0) throw error;
          return null;
        });
        fleet?.[Symbol.dispose]();
        if (fleet !== null) break;
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }));

  Deno.test(`flowerHub over ${transport}: a run that is not this one, another app and no call are refused`, () =>
    withHub(transport, async (rig) => {
      using fleet = await open(rig, { transport, ca: "ca" });
      const { node: id } = await fleet.call("ActivateNode", { key: rig.identity.publicKey, interval: 30 });
      const node = { id };
      const other = await assertRejects(() => fleet.call("GetRun", { node, run: 5n }), LinkError);
      assertEquals(other.kind, "over");
      const run = BigInt.asUintN(62, 0x0f0f0f0f0f0f0f0fn) + 1n;
      const { run: told } = await fleet.call("GetRun", { node, run });
      assertEquals([told.app, told.status.status, told.federation], [
        "fedx/fedx-site",
        "running",
        "@none/default",
      ]);
      const { fab } = await fleet.call("GetFab", { node, run, hash: told.hash });
      assertEquals([fab.hash, fab.verifications.length], [told.hash, 2]);
      await assertRejects(() => fleet.call("GetFab", { node, run, hash: "" }), LinkError);
      assertEquals(rig.events.filter(({ type }) => type === "refused" || type === "warning"), []);
    }));
}

Deno.test("flowerHub over http: who has no key is told so whatever it asks", () =>
  withHub("http", async ({ dir, port, events }) => {
    using client = Deno.createHttpClient({ caCerts: [await Deno.readTextFile(`${dir}/ca/ca.pem`)] });
    const statuses: number[] = [];
    for (
      const [path, method] of [["pull-messages", "POST"], ["pull-messages", "GET"], ["../../etc", "POST"]]
    ) {
      const response = await fetch(`https://127.0.0.1:${port}/v1/fleet/${path}`, { method, client });
      statuses.push(response.status);
      await response.body?.cancel();
    }
    assertEquals(statuses, [401, 401, 401]);
    assertEquals(events.filter(({ type }) => type === "refused").length, 3);
  }));

Deno.test("flowerHub: a site that is enrolled no longer, and a port that is taken, are one sentence each", () =>
  inFolder(async (dir) => {
    await initCa(`${dir}/ca`);
    await issue({ name: "hub", role: "aggregator", ca: `${dir}/ca`, out: `${dir}/tls` });
    const tls = `${dir}/tls`;
    const port = freePort();
    const inside = {
      ...{ run: "0f".repeat(16), proposal: proposalOf(startVector(TINY), { flower: ["c"] }), gone() {} },
      handler: () => new Promise<never>(() => {}),
      ...{ memory: { get: () => null, set() {} }, identity: await readIdentity(tls), onEvent() {} },
    };
    const at = { host: "127.0.0.1", port };
    const gone = await assertRejects(() => flowerHub({ tls, http: at })(inside), ProtocolError, "c in");
    assertEquals(gone.code, "bad_proposal");
    await enrolNew(tls, "c");
    await using _first = await flowerHub({ tls, http: at })(inside);
    for (const name of ["http", "grpc"]) {
      const taken = await assertRejects(() => flowerHub({ tls, [name]: at })(inside), ProtocolError);
      assertEquals(taken.code, "port_in_use");
    }
  }));
