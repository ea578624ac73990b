/** The two listeners, without a run: who is heard, which certificate they show, and what they make of calls that are none. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Buffer } from "node:buffer";
import * as http2 from "node:http2";
import { joinChunks } from "../../../../src/fed/wire/exchange.ts";
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
async function withHub(body: (rig: Rig) => Promise<void>): Promise<void> {
  await inFolder(async (dir) => {
    for (const suffix of ["", "2"]) {
      await initCa(`${dir}/ca${suffix}`);
      await issue({ name: "hub", role: "aggregator", ca: `${dir}/ca${suffix}`, out: `${dir}/tls${suffix}` });
    }
    const tls = `${dir}/tls`;
    const identity = await enrolNew(tls, "c");
    const port = freePort();
    const events: FedEvent[] = [];
    await using hub = await flowerHub({ tls, listen: { host: "127.0.0.1", port } })({
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
    withHub(async (rig) => {
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
    withHub(async (rig) => {
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

Deno.test("flowerHub over grpc: an answer ends with its status in the trailers, which stock nodes wait for", () =>
  withHub(async ({ dir, port, identity }) => {
    const ca = await Deno.readTextFile(`${dir}/ca/ca.pem`);
    const session = http2.connect(`https://127.0.0.1:${port}`, { ca });
    const { publicKey, timestamp, signature } = identity.sign();
    const header = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
    const stream = session.request({
      ...{ ":method": "POST", ":path": "/flwr.proto.Fleet/ActivateNode", "content-type": "application/grpc" },
      ...{ "flwr-public-key-bin": header(publicKey), "flwr-timestamp": timestamp, te: "trailers" },
      "flwr-signature-bin": header(signature),
    });
    const trailers = new Promise<Record<string, unknown>>((resolve) => stream.on("trailers", resolve));
    stream.end(new Uint8Array(5));
    const chunks: Uint8Array[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    assertEquals((await trailers)["grpc-status"], "0");
    assert(joinChunks(chunks).length > 5);
    await new Promise<void>((resolve) => session.close(resolve));
  }));

Deno.test("flowerHub over http: who has no key is told so whatever it asks", () =>
  withHub(async ({ dir, port, events }) => {
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

Deno.test("flowerHub: strangers' connections keep no site from being heard, nor the port from closing", () =>
  withHub(async (rig) => {
    // No more than the system queues for a process that is busy: what is beyond it is nobody's.
    const idle = await Promise.all(
      Array.from({ length: 30 }, () => Deno.connect({ hostname: "127.0.0.1", port: rig.port })),
    );
    const ended = idle.map((one) => one.read(new Uint8Array(1)).catch(() => null));
    using fleet = await open(rig, { transport: "http", ca: "ca" });
    const { node } = await fleet.call("ActivateNode", { key: rig.identity.publicKey, interval: 30 });
    const waiting = fleet.call("PullMessages", { node: { id: node } });
    await new Promise((resolve) => setTimeout(resolve, 300));
    const began = performance.now();
    await rig.hub[Symbol.asyncDispose]();
    assert(performance.now() - began < 5000);
    assertEquals(await waiting, { messages: [], trees: [] });
    await Promise.all(ended);
    for (const one of idle) one.close();
  }));

for (const transport of ["http", "grpc"] as const) {
  Deno.test(`flowerHub over ${transport}: a call that breaks off, and one that is too long, cost nothing`, () =>
    withHub(async (rig) => {
      using fleet = await open(rig, { transport, ca: "ca" });
      const { node: id } = await fleet.call("ActivateNode", { key: rig.identity.publicKey, interval: 30 });
      const node = { id };
      const long = { node, run: 1n, object: "a".repeat(100_000) };
      const refused = await assertRejects(() => fleet.call("PullObject", long), LinkError);
      assert(refused.kind === "bad" || refused.kind === "away", refused.message);
      const object = { node, run: 1n, object: "ab", content: new Uint8Array(8 << 20), session: "" };
      const stop = AbortSignal.timeout(5);
      await assertRejects(() => fleet.call("PushObject", object, stop));
      assertEquals(await fleet.call("SendNodeHeartbeat", { node, interval: 30 }), { success: true });
      assertEquals(rig.events.filter(({ type }) => type === "warning"), []);
    }));
}

Deno.test("flowerHub: of a site that is enrolled no longer is warned, and a port that is taken is refused", () =>
  inFolder(async (dir) => {
    await initCa(`${dir}/ca`);
    await issue({ name: "hub", role: "aggregator", ca: `${dir}/ca`, out: `${dir}/tls` });
    const tls = `${dir}/tls`;
    const listen = { host: "127.0.0.1", port: freePort() };
    const events: FedEvent[] = [];
    const inside = {
      ...{ run: "0f".repeat(16), proposal: proposalOf(startVector(TINY), { flower: ["c"] }), gone() {} },
      handler: () => new Promise<never>(() => {}),
      ...{ memory: { get: () => null, set() {} }, identity: await readIdentity(tls) },
      onEvent: (event: FedEvent) => void events.push(event),
    };
    await using _first = await flowerHub({ tls, listen })(inside);
    assert(events.some((event) => event.type === "warning" && event.text.startsWith("c is not in")));
    const taken = await assertRejects(() => flowerHub({ tls, listen })(inside), ProtocolError);
    assertEquals(taken.code, "port_in_use");
  }));
