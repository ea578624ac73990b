import { assert, assertEquals } from "@std/assert";
import { readIdentity } from "../../src/fed/certificate.ts";
import { Connection } from "../../src/fed/connection.ts";
import type { FedEvent } from "../../src/fed/event.ts";
import { serve, type ServeOptions } from "../../src/fed/server.ts";
import { withFederation } from "./fake_federation.ts";

/** A server whose requests are admitted by `check`, and a silo's connection to it. */
async function connected(
  options: Pick<ServeOptions, "handler"> & { check: () => Promise<void>; onSession: (open: boolean) => void },
  body: (connection: Connection) => Promise<void>,
): Promise<FedEvent[]> {
  const events: FedEvent[] = [];
  await withFederation(async (dir) => {
    await using server = await serve({
      host: "127.0.0.1",
      port: 0,
      identity: await readIdentity(`${dir}/tls-aggregator`),
      admission: { check: options.check },
      handler: options.handler,
      onEvent: (event) => events.push(event),
      onSession: (_silo, _session, open) => options.onSession(open),
    });
    const url = new URL(`https://127.0.0.1:${server.port}`);
    using connection = await Connection.open(url, await readIdentity(`${dir}/tls-a`));
    await body(connection);
  });
  return events;
}

Deno.test("serve: a request whose connection closes while it is admitted reaches no handler", async () => {
  const asked = Promise.withResolvers<void>(), closed = Promise.withResolvers<void>();
  const admitted = Promise.withResolvers<void>();
  let handled = 0;
  await connected({
    check: () => (asked.resolve(), admitted.promise),
    handler: () => (handled++, Promise.resolve({ status: 200, json: {} })),
    onSession: (open) => open || closed.resolve(),
  }, async (connection) => {
    const answer = connection.send({ method: "GET", path: "/v1/run" }).catch((error) => error);
    await asked.promise;
    connection[Symbol.dispose]();
    await closed.promise;
    admitted.resolve();
    assert(await answer instanceof Error);
    await new Promise((resolve) => setTimeout(resolve, 20));
  });
  assertEquals(handled, 0);
});

Deno.test("serve: a handler whose request's body breaks knows that the silo is gone", async () => {
  const broken = Promise.withResolvers<boolean>();
  await connected({
    check: () => Promise.resolve(),
    onSession: () => {},
    async handler({ body, signal }) {
      try {
        for await (const _ of body);
      } catch {
        broken.resolve(signal.aborted);
      }
      return { status: 200, json: {} };
    },
  }, async (connection) => {
    // Sends more than the peer's window holds, so that the request is still under way.
    const part = new Uint8Array(4 << 20);
    const call = { method: "PUT", path: "/v1/x", body: Array(16).fill(part) } as const;
    const answer = connection.send({ ...call, body: [...call.body] }).catch((error) => error);
    await new Promise((resolve) => setTimeout(resolve, 30));
    connection[Symbol.dispose]();
    assert(await answer instanceof Error);
    assert(await broken.promise);
  });
});
