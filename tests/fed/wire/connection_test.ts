import { assertEquals, assertRejects } from "@std/assert";
import { createSecureServer } from "node:http2";
import { Admission } from "../../../src/fed/pki/admission.ts";
import { readIdentity } from "../../../src/fed/pki/own_certificate.ts";
import { Connection, ConnectionLost } from "../../../src/fed/wire/connection.ts";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import { serve } from "../../../src/fed/wire/server.ts";
import { answerOf } from "../../../src/fed/wire/exchange.ts";
import { withFederation } from "../../testing/fake_federation.ts";

Deno.test("Connection.send takes an answer that breaks off for a lost connection, never for a short body", () =>
  withFederation(async (dir) => {
    const server = createSecureServer(await readIdentity(`${dir}/tls-aggregator`));
    server.on("stream", (stream) => {
      stream.on("error", () => {});
      stream.respond({ ":status": 200, "content-length": 10 });
      stream.write(new Uint8Array(4), () => setTimeout(() => stream.session?.destroy(), 50));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    {
      const identity = await readIdentity(`${dir}/tls-a`);
      using connection = await Connection.open(new URL(`https://127.0.0.1:${port}`), identity);
      await assertRejects(() => connection.send({ method: "GET", path: "/" }), ConnectionLost);
      assertEquals(connection.open, false);
    }
    await new Promise((resolve) => server.close(resolve));
  }));

Deno.test("Connection.send ends the connection when an answer does not come in time", () =>
  withFederation(async (dir) => {
    const server = createSecureServer(await readIdentity(`${dir}/tls-aggregator`));
    server.on("stream", (stream) => stream.on("error", () => {}));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const identity = await readIdentity(`${dir}/tls-a`);
    using connection = await Connection.open(new URL(`https://127.0.0.1:${port}`), identity);
    const call = { method: "GET", path: "/", timeout: 0.1 } as const;
    await assertRejects(() => connection.send(call), ConnectionLost, "no answer");
    assertEquals(connection.open, false);
    await new Promise((resolve) => server.close(resolve));
  }));

Deno.test("Connection.send waits for an answer as long as anything comes over the connection", () =>
  withFederation(async (dir) => {
    const server = createSecureServer(await readIdentity(`${dir}/tls-aggregator`));
    let pings = 0;
    server.on("stream", (stream) => {
      stream.on("error", () => {});
      const pinging = setInterval(() => {
        if (++pings <= 12) return stream.session!.ping(() => {});
        clearInterval(pinging);
        stream.respond({ ":status": 200, "content-length": 0 });
        stream.end();
      }, 100);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    {
      const identity = await readIdentity(`${dir}/tls-a`);
      using connection = await Connection.open(new URL(`https://127.0.0.1:${port}`), identity);
      const { status } = await connection.send({ method: "GET", path: "/", timeout: 1 });
      assertEquals([status, connection.open], [200, true]);
    }
    await new Promise((resolve) => server.close(resolve));
  }));

/** Has silo a speak to a server of this name that finds no slot for anybody. */
function whereNoSlotIs(host: string, body: (connection: Connection) => Promise<void>): Promise<void> {
  return withFederation(async (dir) => {
    const hub = await readIdentity(`${dir}/tls-aggregator`);
    await using server = await serve({
      ...{ host: "127.0.0.1", port: 0, onEvent() {}, onSession() {} },
      identity: hub,
      admission: await Admission.open(`${dir}/tls-aggregator`, { ca: hub.ca }),
      handler: () => Promise.resolve(answerOf(new ProtocolError("slots_taken", { expected: "4", got: "5" }))),
    });
    const url = new URL(`https://${host}:${server.port}`);
    using connection = await Connection.open(url, await readIdentity(`${dir}/tls-a`));
    await body(connection);
  });
}

Deno.test("serve tells a silo that finds no slot when to ask again", () =>
  whereNoSlotIs("127.0.0.1", async (connection) => {
    const { status, headers } = await connection.send({ method: "POST", path: "/" });
    assertEquals([status, headers["retry-after"]], [503, "1"]);
  }));

Deno.test("Connection.open reaches a host whose name ends in a dot, which no certificate has", () =>
  whereNoSlotIs("localhost.", async (connection) => {
    assertEquals((await connection.send({ method: "GET", path: "/" })).status, 503);
  }));
