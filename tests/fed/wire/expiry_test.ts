import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { type Identity, readIdentity } from "../../../src/fed/pki/own_certificate.ts";
import { issue } from "../../../src/fed/pki/ca.ts";
import { Client } from "../../../src/fed/wire/client.ts";
import { Connection, ConnectionLost } from "../../../src/fed/wire/connection.ts";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import type { FedEvent } from "../../../src/fed/protocol/event.ts";
import { Credentials, watchRenewal } from "../../../src/fed/pki/renewal.ts";
import { serve, type ServeOptions } from "../../../src/fed/wire/server.ts";
import { revoke } from "../../../src/fed/pki/revoke.ts";
import type { SiloResult } from "../../../src/fed/training/result.ts";
import { readBody } from "../../../src/fed/wire/exchange.ts";
import { freePort } from "../../testing/free_port.ts";
import { runRole, withFederation } from "../../testing/fake_federation.ts";
import { withAggregator } from "../../testing/listening.ts";

const DAY = 86_400_000;
const YEARS = 3 * 365 * DAY;

/** Runs `body` with a server of the federation in `dir`. */
async function withServer(
  dir: string,
  options: Partial<ServeOptions>,
  body: (server: Awaited<ReturnType<typeof serve>>, url: URL) => Promise<void>,
): Promise<void> {
  await using server = await serve({
    host: "127.0.0.1",
    port: 0,
    identity: await readIdentity(`${dir}/tls-aggregator`),
    admission: { check: () => Promise.resolve() },
    handler: () => Promise.resolve({ status: 200, json: {} }),
    onEvent() {},
    onSession() {},
    ...options,
  });
  await body(server, new URL(`https://127.0.0.1:${server.port}`));
}

const errorIn = (body: Uint8Array) =>
  JSON.parse(new TextDecoder().decode(body)) as { code: string; got: string };

Deno.test("serve: a live connection is refused with its own code from the moment its certificate has expired", () =>
  withFederation(async (dir) => {
    const events: FedEvent[] = [];
    let now = Date.now(), handled = 0;
    const options: Partial<ServeOptions> = {
      now: () => new Date(now),
      handler: () => (handled++, Promise.resolve({ status: 200, json: {} })),
      onEvent: (event) => events.push(event),
    };
    await withServer(dir, options, async (_, url) => {
      using connection = await Connection.open(url, await readIdentity(`${dir}/tls-a`));
      assertEquals((await connection.send({ method: "GET", path: "/v1/run" })).status, 200);
      now += YEARS;
      const { status, body } = await connection.send({ method: "GET", path: "/v1/run" });
      assertEquals([status, errorIn(body).code, handled], [403, "certificate_expired", 1]);
      const refused = events.filter((event) => event.type === "refused");
      assertEquals(refused.map(({ peer, code }) => [peer, code]), [["a", "certificate_expired"]]);
      assertStringIncludes(refused[0].got!, "one that expired on");
    });
  }));

Deno.test("serve: what arrives whole after its certificate has expired, or was revoked, does not count", () =>
  withFederation(async (dir) => {
    for (const code of ["certificate_expired", "certificate_revoked"] as const) {
      let now = Date.now(), counted = 0, revoked = false;
      const begun = Promise.withResolvers<void>(), over = Promise.withResolvers<void>();
      const options: Partial<ServeOptions> = {
        now: () => new Date(now),
        admission: {
          check() {
            if (!revoked) return Promise.resolve();
            const texts = { expected: "a good one", got: "a revoked one" };
            return Promise.reject(new ProtocolError("certificate_revoked", texts));
          },
        },
        async handler(request) {
          begun.resolve();
          await over.promise;
          await readBody(request);
          counted++;
          return { status: 200, json: {} };
        },
      };
      await withServer(dir, options, async (_, url) => {
        using connection = await Connection.open(url, await readIdentity(`${dir}/tls-a`));
        const answer = connection.send({ method: "PUT", path: "/v1/x", body: [new Uint8Array(1000)] });
        await begun.promise;
        if (code === "certificate_expired") now += YEARS;
        else revoked = true;
        over.resolve();
        const { status, body } = await answer;
        assertEquals([status, errorIn(body).code, counted], [403, code, 0]);
      });
    }
  }));

Deno.test("Connection: nothing is sent to an aggregator whose certificate has expired, on a live connection or a new one", () =>
  withFederation(async (dir) => {
    let now = Date.now(), handled = 0;
    const handler = () => (handled++, Promise.resolve({ status: 200, json: {} }));
    await withServer(dir, { handler }, async (_, url) => {
      const identity = await readIdentity(`${dir}/tls-a`);
      const clock = { now: () => new Date(now) };
      using connection = await Connection.open(url, identity, clock);
      await connection.send({ method: "GET", path: "/" });
      now += YEARS;
      assertEquals(connection.open, false);
      await assertRejects(() => connection.send({ method: "GET", path: "/" }), ConnectionLost);
      const error = await assertRejects(() => Connection.open(url, identity, clock), ProtocolError);
      assertEquals([error.code, handled], ["server_certificate", 1]);
      assertStringIncludes(error.message, "one that expired on");
    });
  }));

Deno.test("Client goes on with a renewed certificate when its own has expired, and gives up without one", () =>
  withFederation(async (dir) => {
    const start = Date.now();
    await issue({
      name: "a",
      role: "silo",
      ca: `${dir}/ca`,
      out: `${dir}/tls-new`,
      lifetime: 2 * YEARS / 1000,
    });
    const [old, renewed] = [await readIdentity(`${dir}/tls-a`), await readIdentity(`${dir}/tls-new`)];
    for (const next of [renewed, old]) {
      let now = start;
      let identity: Identity = old;
      const handler: ServeOptions["handler"] = () => Promise.resolve({ status: 200, json: { round: 1 } });
      await withServer(dir, { now: () => new Date(now), handler }, async (_, server) => {
        const options = { server, identity: () => Promise.resolve(identity), wait: 20, onEvent() {} };
        using client = new Client(options);
        const beat = () =>
          client.heartbeat({ run: "0".repeat(32), round: 1, phase: "waiting", step: 0, steps: 0 });
        // The answer is no heartbeat's: it came, which is what counts here.
        const code = (error: Error) => error instanceof ProtocolError ? error.code : error.message;
        assertEquals(code(await assertRejects(beat, Error)), "bad_answer");
        now += YEARS;
        identity = next;
        const said = code(await assertRejects(beat, Error));
        assertEquals(
          said,
          next === old ? "certificate_expired" : "the certificate has expired and was renewed",
        );
        if (next === renewed) assertEquals(code(await assertRejects(beat, Error)), "bad_answer");
      });
    }
  }));

/** Replaces the certificate and key of a folder by those of another. */
async function replace(folder: string, by: string): Promise<void> {
  for (const name of ["key.pem", "cert.pem"]) await Deno.copyFile(`${by}/${name}`, `${folder}/${name}`);
}

Deno.test("Credentials: a renewed certificate is used; a bad one is told once and the old one used while it is good", () =>
  withFederation(async (dir) => {
    const ca = `${dir}/ca`, tls = `${dir}/tls-a`;
    const events: FedEvent[] = [];
    const credentials = await Credentials.open(tls, {
      role: "silo",
      name: "a",
      onEvent: (event) => events.push(event),
    });
    const types = () => events.splice(0).map(({ type }) => type);
    assertEquals(types(), ["certificate"]);
    const first = await credentials.refresh();
    assertEquals(types(), []);
    await issue({ name: "a", role: "silo", ca, out: `${dir}/new` });
    await replace(tls, `${dir}/new`);
    const second = await credentials.refresh();
    assert(second.cert !== first.cert && second === credentials.identity);
    assertEquals(types(), ["certificate"]);
    for (const bad of [`${dir}/tls-b`, `${dir}/tls-aggregator`]) {
      await replace(tls, bad);
      for (let i = 0; i < 3; i++) assertEquals(await credentials.refresh(), second);
      assertEquals(types(), ["warning"], bad);
    }
    await Deno.remove(`${tls}/cert.pem`);
    for (let i = 0; i < 3; i++) assertEquals(await credentials.refresh(), second);
    assertEquals(types(), ["warning"]);
    const later = new Date(Date.now() + YEARS);
    const old = await Credentials.open(`${dir}/tls-c`, { role: "silo", name: "c", onEvent() {} });
    await assertRejects(() => old.refresh(later), Error, "one that expired on");
  }));

Deno.test("a silo that runs takes a renewed certificate from its folder at its next connection", () =>
  withFederation(async (dir) => {
    const joined = Promise.withResolvers<void>();
    const port = freePort();
    let a: Promise<unknown> = Promise.resolve();
    await withAggregator(dir, async () => {
      a = runRole({ dir, port, role: "a" }, {
        onEvent: ({ type }) => type === "connected" && joined.resolve(),
      });
      await joined.promise;
    }, { port });
    // While nobody answers: the old one is worth nothing from here on.
    await revoke({ name: "a", ca: `${dir}/ca`, tls: `${dir}/tls-aggregator` });
    await issue({ name: "a", role: "silo", ca: `${dir}/ca`, out: `${dir}/new` });
    await replace(`${dir}/tls-a`, `${dir}/new`);
    await withAggregator(dir, async () => {
      const silos = await Promise.all([a, ...["b", "c"].map((role) => runRole({ dir, port, role }))]);
      assertEquals(silos.map((one) => (one as SiloResult).rounds), [4, 4, 4]);
    }, { port });
  }));

Deno.test("serve shows a renewed certificate from the next connection on, without a restart", () =>
  withFederation(async (dir) => {
    const tls = `${dir}/tls-aggregator`;
    const credentials = await Credentials.open(tls, { role: "aggregator", onEvent() {} });
    await issue({
      name: "hub",
      role: "aggregator",
      ca: `${dir}/ca`,
      out: `${dir}/new`,
      lifetime: 2 * YEARS / 1000,
    });
    await withServer(dir, { identity: credentials.identity }, async (server, url) => {
      const taken = Promise.withResolvers<void>();
      const onRenewed = (identity: Identity) => (server.renew(identity), taken.resolve());
      using _watch = watchRenewal(credentials, { onRenewed, period: 0.02 });
      const identity = await readIdentity(`${dir}/tls-a`);
      // A clock by which the first certificate has expired, and only that.
      const later = { now: () => new Date(Date.now() + YEARS / 2) };
      const opened = () => Connection.open(url, identity, later);
      await assertRejects(opened, ProtocolError, "one that expired on");
      await replace(tls, `${dir}/new`);
      await taken.promise;
      using connection = await opened();
      assertEquals((await connection.send({ method: "GET", path: "/" })).status, 200);
    });
  }));

Deno.test("watchRenewal: a certificate that cannot be shown is told once, and the one in use is used on until another comes", () =>
  withFederation(async (dir) => {
    const ca = `${dir}/ca`, tls = `${dir}/tls-aggregator`;
    const texts: string[] = [];
    const told = Promise.withResolvers<void>();
    const credentials = await Credentials.open(tls, {
      role: "aggregator",
      onEvent(event) {
        // A look in the middle of copying tells of that.
        if (event.type !== "warning" || !event.text.includes("takes none")) return;
        texts.push(event.text);
        told.resolve();
      },
    });
    const first = credentials.identity;
    const shown: Identity[] = [];
    const taken = Promise.withResolvers<void>();
    const onRenewed = (identity: Identity) => {
      shown.push(identity);
      if (shown.length === 1) throw new Error("the server takes none");
      taken.resolve();
    };
    for (const out of ["1", "2"]) await issue({ name: "hub", role: "aggregator", ca, out: `${dir}/${out}` });
    using _watch = watchRenewal(credentials, { onRenewed, period: 0.02 });
    await replace(tls, `${dir}/1`);
    await told.promise;
    assertEquals(credentials.identity, first);
    await replace(tls, `${dir}/2`);
    await taken.promise;
    assertEquals(credentials.identity, await readIdentity(tls));
    assertEquals([shown.length, shown.at(-1)], [2, credentials.identity]);
    assertEquals(texts.length, 1);
    assertStringIncludes(texts[0], "got the server takes none; the certificate in use is used on");
  }));
