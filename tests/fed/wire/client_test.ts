import { assert, assertEquals, assertRejects } from "@std/assert";
import { Admission } from "../../../src/fed/pki/admission.ts";
import { createSecureServer } from "node:http2";
import { type Identity, readIdentity } from "../../../src/fed/pki/own_certificate.ts";
import { Client } from "../../../src/fed/wire/client.ts";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import { serve } from "../../../src/fed/wire/server.ts";
import { parseRange } from "../../../src/fed/wire/exchange.ts";
import { digest } from "../../../src/files/digest.ts";
import { withFederation } from "../../testing/fake_federation.ts";
import { startVector, TINY } from "../../testing/fake_trainer.ts";

/** Takes connections, holds each for a moment and closes it; counts how many there were, and at once. */
function holdingServer() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const seen = { now: 0, most: 0, all: 0 };
  const taking = (async () => {
    for await (const connection of listener) {
      seen.all++;
      seen.most = Math.max(seen.most, ++seen.now);
      setTimeout(() => {
        seen.now--;
        connection.close();
      }, 200);
    }
  })();
  return { port: listener.addr.port, seen, taking, close: () => listener.close() };
}

Deno.test("Client makes one attempt at a time, shared by all requests that wait for a connection", () =>
  withFederation(async (dir) => {
    const server = holdingServer();
    const stop = new AbortController();
    const client = new Client({
      server: new URL(`https://127.0.0.1:${server.port}`),
      identity: await readIdentity(`${dir}/tls-a`),
      wait: 20,
      onEvent: () => {},
      signal: stop.signal,
    });
    const waiting = [1, 2, 3, 4].map(() => client.view().catch((error) => error.message));
    await new Promise((resolve) => setTimeout(resolve, 1500));
    stop.abort(new Error("stopped"));
    assertEquals(await Promise.all(waiting), Array(4).fill("stopped"));
    client[Symbol.dispose]();
    await new Promise((resolve) => setTimeout(resolve, 500));
    server.close();
    await server.taking;
    assert(server.seen.all >= 2, `${server.seen.all} attempts`);
    assertEquals(server.seen.most, 1);
  }));

/** An aggregator that closes the first connections when their handshakes are done, as one that is crowded may. */
async function closingServer(identity: Identity, closed: number) {
  const server = createSecureServer({ ...identity, requestCert: true });
  let count = 0;
  server.prependListener("secureConnection", (socket) => {
    if (count++ < closed) socket.destroy();
  });
  server.on("stream", (stream) => {
    stream.respond({ ":status": 200, "content-length": 4 });
    stream.end("good");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  return { port, close: () => new Promise((resolve) => server.close(resolve)) };
}

Deno.test("Client takes a few closed connections for what they may be, and many over its time for a refusal", () =>
  withFederation(async (dir) => {
    const identity = await readIdentity(`${dir}/tls-a`);
    for (const { closed, wait } of [{ closed: 5, wait: 30 }, { closed: Infinity, wait: 0.5 }]) {
      const server = await closingServer(await readIdentity(`${dir}/tls-aggregator`), closed);
      const client = new Client({
        server: new URL(`https://127.0.0.1:${server.port}`),
        ...{ identity, wait, onEvent() {} },
      });
      const sample = client.sample(0, 4);
      if (closed === 5) assertEquals(await sample, 4);
      else assertEquals((await assertRejects(() => sample, ProtocolError)).code, "certificate_refused");
      client[Symbol.dispose]();
      await server.close();
    }
  }));

Deno.test("Client.pull takes ranges that are shorter than asked for, and the whole model's digest decides", () =>
  withFederation(async (dir) => {
    const vector = startVector(TINY), path = `${dir}/model.f32`, total = vector.byteLength;
    await Deno.writeFile(path, new Uint8Array(vector.buffer));
    const hub = await readIdentity(`${dir}/tls-aggregator`);
    const asked: string[] = [];
    await using server = await serve({
      ...{ host: "127.0.0.1", port: 0, onEvent() {}, onSession() {} },
      identity: hub,
      admission: await Admission.open(`${dir}/tls-aggregator`, { ca: hub.ca }),
      handler: ({ range }) => {
        asked.push(range!);
        const file = { path, ...parseRange(range, total, 5000), total, sha256: digest(vector) };
        return Promise.resolve({ status: 206, file });
      },
    });
    const url = new URL(`https://127.0.0.1:${server.port}`);
    const identity = await readIdentity(`${dir}/tls-a`);
    using client = new Client({ server: url, identity, wait: 5, onEvent() {} });
    const pulled = await client.pull(0, { length: TINY.length, sha256: null });
    assertEquals(pulled, { vector, sha256: digest(vector) });
    assertEquals(asked, [0, 5000, 10_000, 15_000].map((first) => `bytes=${first}-${total - 1}`));
    const other = () => client.pull(0, { length: TINY.length, sha256: "0".repeat(64) });
    assertEquals((await assertRejects(other, ProtocolError)).code, "bad_answer");
  }));
