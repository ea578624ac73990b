import { connect as connectTls } from "node:tls";
import { assert, assertEquals } from "@std/assert";
import { readIdentity } from "../../../src/fed/pki/own_certificate.ts";
import { Connection } from "../../../src/fed/wire/connection.ts";
import type { FedEvent } from "../../../src/fed/protocol/event.ts";
import { freeGarbage } from "../../../src/fed/wire/garbage.ts";
import { serve, type ServeOptions } from "../../../src/fed/wire/server.ts";
import { inFolder } from "../../testing/folder.ts";
import { withFederation } from "../../testing/fake_federation.ts";
import { FRAME, frameBytes, PREFACE } from "../../testing/http2_requests.ts";

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
  const begun = Promise.withResolvers<void>(), broken = Promise.withResolvers<boolean>();
  await connected({
    check: () => Promise.resolve(),
    onSession: () => {},
    async handler({ body, signal }) {
      try {
        for await (const _ of body) begun.resolve();
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
    await begun.promise;
    connection[Symbol.dispose]();
    assert(await answer instanceof Error);
    assert(await broken.promise);
  });
});

/** A peer that asks so many times at once, grants all windows there are, and says and reads no more. */
async function mutePeer(options: { dir: string; port: number; requests: number }): Promise<Deno.TlsConn> {
  const { ca, cert, key } = await readIdentity(`${options.dir}/tls-a`);
  const { port } = options;
  const to = { hostname: "127.0.0.1", port, caCerts: [ca], cert, key, alpnProtocols: ["h2"] };
  const peer = await Deno.connectTls(to);
  const frames = [
    PREFACE,
    frameBytes({
      type: FRAME.settings,
      flags: 0,
      stream: 0,
      payload: Uint8Array.of(0, 4, 0x7f, 0xff, 0xff, 0xff), // a stream's window
    }),
    frameBytes({ type: FRAME.window, flags: 0, stream: 0, payload: Uint8Array.of(0x7f, 0xff, 0, 0) }),
  ];
  // Frames that end their stream: GET, https, path /, authority x.
  const get = { type: FRAME.headers, flags: 5, payload: Uint8Array.of(0x82, 0x87, 0x84, 0x01, 1, 0x78) };
  for (let k = 0; k < options.requests; k++) frames.push(frameBytes({ ...get, stream: 2 * k + 1 }));
  for (const bytes of frames) await peer.write(bytes);
  return peer;
}

/** @throws {Error} when it takes longer than so many seconds. */
async function within(seconds: number, promise: PromiseLike<void>): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`not within ${seconds} s`)), seconds * 1000);
  await Promise.race([promise, late.promise]).finally(() => clearTimeout(timer));
}

/** Serves a mute peer's requests with `handler`; `closed` resolves with the end of its connection. */
async function withMutePeer(
  options: Pick<ServeOptions, "handler" | "ping"> & { requests: number },
  body: (peer: Deno.TlsConn, closed: Promise<void>) => Promise<void>,
): Promise<void> {
  const closed = Promise.withResolvers<void>();
  await withFederation(async (dir) => {
    await using server = await serve({
      host: "127.0.0.1",
      port: 0,
      identity: await readIdentity(`${dir}/tls-aggregator`),
      admission: { check: () => Promise.resolve() },
      onEvent: () => {},
      onSession: (_silo, _session, open) => open || closed.resolve(),
      ...options,
    });
    using peer = await mutePeer({ dir, port: server.port, requests: options.requests });
    await body(peer, closed.promise);
  });
}

Deno.test("serve: a peer that leaves its answers unread is cut off, whatever windows it grants", () =>
  inFolder(async (dir) => {
    const size = 8 << 20, path = `${dir}/model`;
    await Deno.writeFile(path, new Uint8Array(size));
    const file = { path, first: 0, length: size, total: size, sha256: "x" };
    for (const answer of [{ status: 206 as const, file }, { status: 200, json: "x".repeat(size) }]) {
      const pauses: Promise<void>[] = [];
      const handler = async () => {
        pauses.push(new Promise((resolve) => setTimeout(resolve, 50 * pauses.length)));
        await pauses.at(-1);
        return answer;
      };
      await withMutePeer({ handler, requests: 8, ping: 0.1 }, (_peer, closed) => within(20, closed));
      await Promise.all(pauses);
    }
  }));

Deno.test("serve: a connection has at most 128 requests at a time", async () => {
  const over = Promise.withResolvers<void>();
  let asked = 0;
  const handler = () => (asked++, over.promise.then(() => ({ status: 200, json: {} })));
  await withMutePeer({ handler, requests: 200 }, async () => {
    for (let tries = 0; asked < 128 && tries < 200; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
    over.resolve();
  });
  assertEquals(asked, 128);
});

Deno.test("serve: pings go on while a slow line keeps their answers back", () => {
  const handler = () => Promise.resolve({ status: 200, json: {} });
  return withMutePeer({ handler, requests: 0, ping: 0.01 }, async (peer) => {
    // 17 bytes each; the settings before them are less than 200.
    const reading = (async () => {
      for (let got = 0; got < 200 + 40 * 17;) got += (await peer.read(new Uint8Array(1024)))!;
    })();
    reading.catch(() => {});
    await within(20, reading);
  });
});

Deno.test("serve: stops although a peer has not read its answer, and another not begun its handshake", () =>
  inFolder(async (folder) => {
    const size = 8 << 20, path = `${folder}/model`;
    await Deno.writeFile(path, new Uint8Array(size));
    const file = { path, first: 0, length: size, total: size, sha256: "x" };
    const told: string[] = [];
    await withFederation(async (dir) => {
      const server = await serve({
        host: "127.0.0.1",
        port: 0,
        identity: await readIdentity(`${dir}/tls-aggregator`),
        admission: { check: () => Promise.resolve() },
        handler: () => Promise.resolve({ status: 206, file }),
        onEvent: (event) => event.type === "refused" && told.push(event.code),
        onSession: () => {},
      });
      const { port } = server;
      using _idle = await Deno.connect({ hostname: "127.0.0.1", port });
      using _mute = await mutePeer({ dir, port, requests: 1 });
      await new Promise((resolve) => setTimeout(resolve, 300));
      await within(20, server[Symbol.asyncDispose]());
    });
    assertEquals(told, ["nobody listens any more"]);
  }));

Deno.test("serve closes handshakes that do not end, and leaves a connection that is through alone", () =>
  withFederation(async (dir) => {
    await using server = await serve({
      ...{ host: "127.0.0.1", port: 0, identity: await readIdentity(`${dir}/tls-aggregator`) },
      admission: { check: () => Promise.resolve() },
      handshakes: { longest: 1 },
      handler: () => Promise.resolve({ status: 200, json: {} }),
      onEvent: () => {},
      onSession: () => {},
    });
    const url = new URL(`https://127.0.0.1:${server.port}`);
    const tls = await readIdentity(`${dir}/tls-a`);
    using connection = await Connection.open(url, tls);
    const silent = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    assertEquals(await silent.read(new Uint8Array(9)), null); // closed by the server
    silent.close();
    assertEquals((await connection.send({ method: "GET", path: "/" })).status, 200);
  }));

Deno.test("serve: of a fifth connection of one silo the first goes, so that a silo may always come back", () =>
  withFederation(async (dir) => {
    const closed = Promise.withResolvers<void>();
    await using server = await serve({
      ...{ host: "127.0.0.1", port: 0, identity: await readIdentity(`${dir}/tls-aggregator`) },
      admission: { check: () => Promise.resolve() },
      handler: () => Promise.resolve({ status: 200, json: {} }),
      onEvent: () => {},
      onSession: (silo, _session, open) => open || silo !== "a" || closed.resolve(),
    });
    const url = new URL(`https://127.0.0.1:${server.port}`);
    const open = async (silo: string) => await Connection.open(url, await readIdentity(`${dir}/tls-${silo}`));
    using other = await open("b");
    const own: Connection[] = [];
    for (let i = 0; i < 5; i++) own.push(await open("a"));
    const late = setTimeout(() => closed.reject(new Error("no connection went within 30 s")), 30_000);
    await closed.promise.finally(() => clearTimeout(late));
    const call = { method: "GET", path: "/" } as const;
    const answers = await Promise.allSettled([...own, other].map((one) => one.send(call)));
    assertEquals(answers.map(({ status }) => status === "fulfilled"), [false, true, true, true, true, true]);
    for (const one of own) one[Symbol.dispose]();
  }));

/** A server for the tests that never get as far as a request. */
const idle = async (dir: string, onEvent: ServeOptions["onEvent"] = () => {}) =>
  await serve({
    ...{ host: "127.0.0.1", port: 0, identity: await readIdentity(`${dir}/tls-aggregator`) },
    admission: { check: () => Promise.resolve() },
    handler: () => Promise.resolve({ status: 200, json: {} }),
    onEvent,
    onSession: () => {},
  });

Deno.test("serve: nothing of a handshake that failed stays in memory", () =>
  withFederation(async (dir) => {
    await using server = await idle(dir);
    const fail = async (times: number) => {
      for (let k = 0; k < times; k++) {
        using stranger = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
        await stranger.write(new TextEncoder().encode("no TLS"));
        await stranger.read(new Uint8Array(64)).catch(() => {}); // until the server has closed it
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
      freeGarbage();
      return Deno.memoryUsage().heapUsed;
    };
    const before = await fail(100);
    const grown = (await fail(500) - before) / 500;
    assert(grown < 1000, `${grown} bytes a connection`);
  }));

Deno.test("serve: a silo's certificate without HTTP/2 is refused, and the connection closed", () =>
  withFederation(async (dir) => {
    const refused = Promise.withResolvers<FedEvent>();
    await using server = await idle(dir, refused.resolve);
    const socket = connectTls({
      ...await readIdentity(`${dir}/tls-a`),
      host: "127.0.0.1",
      port: server.port,
    });
    const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
    socket.on("error", () => {}).resume();
    const event = await refused.promise;
    assertEquals(event.type === "refused" && [event.code, event.expected], [
      "not_a_silo",
      "one that speaks HTTP/2",
    ]);
    await closed;
  }));
