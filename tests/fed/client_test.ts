import { assertEquals } from "@std/assert";
import { createSecureServer } from "node:http2";
import { readIdentity } from "../../src/fed/certificate.ts";
import { Client } from "../../src/fed/client.ts";
import { freePort, withFederation } from "./fake_federation.ts";

Deno.test("Client opens one connection for all requests that wait for it", () =>
  withFederation(async (dir) => {
    const port = freePort();
    const identity = await readIdentity(`${dir}/tls-a`);
    const client = new Client({
      server: new URL(`https://127.0.0.1:${port}`),
      identity,
      wait: 20,
      onEvent: () => {},
    });
    // Nobody listens yet: the requests below wait on the same failing attempts.
    const scores = { run: "0".repeat(32), round: 1, auroc: null, loss: null, positives: 0, negatives: 0 };
    const waiting = [1, 2, 3, 4].map(() => client.scores(scores));
    await new Promise((resolve) => setTimeout(resolve, 100));
    const server = createSecureServer(await readIdentity(`${dir}/tls-aggregator`));
    let sessions = 0;
    server.on("session", (session) => {
      sessions++;
      session.on("error", () => {});
    });
    server.on("stream", (stream) => {
      const body = new TextEncoder().encode('{"received":true}');
      stream.resume();
      stream.respond({ ":status": 200, "content-length": body.length });
      stream.end(body);
    });
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    await Promise.all(waiting);
    assertEquals(sessions, 1);
    client[Symbol.dispose]();
    await new Promise((resolve) => server.close(resolve));
  }));
