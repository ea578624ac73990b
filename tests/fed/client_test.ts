import { assert, assertEquals } from "@std/assert";
import { readIdentity } from "../../src/fed/certificate.ts";
import { Client } from "../../src/fed/client.ts";
import { withFederation } from "./fake_federation.ts";

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
