import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { createSecureServer } from "node:http2";
import { readIdentity } from "../../../src/fed/pki/own_certificate.ts";
import { initCa, issue } from "../../../src/fed/pki/ca.ts";
import { Client } from "../../../src/fed/wire/client.ts";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import { revoke } from "../../../src/fed/pki/revoke.ts";
import { freePort } from "../../testing/free_port.ts";
import { runRole, withFederation } from "../../testing/fake_federation.ts";
import { withAggregator } from "../../testing/listening.ts";

/** A request past the silo's own checks, as a hostile or old program would send it. */
async function ask(port: number, tls: string, options: { ca?: string; wait?: number } = {}): Promise<void> {
  const identity = await readIdentity(tls);
  using client = new Client({
    server: new URL(`https://127.0.0.1:${port}`),
    identity: { ...identity, ca: options.ca ?? identity.ca },
    wait: options.wait ?? 20,
    onEvent: () => {},
  });
  await client.view();
}

Deno.test("an expired certificate and the aggregator's own are refused in the handshake: nothing is served", () =>
  withFederation(async (dir) => {
    const ca = `${dir}/ca`;
    await issue({ name: "a", role: "silo", ca, out: `${dir}/tls-old`, lifetime: -60 });
    const from = new Date(Date.now() + 86_400_000);
    await issue({ name: "a", role: "silo", ca, out: `${dir}/tls-early`, from });
    await withAggregator(dir, async ({ port }, events) => {
      for (const tls of ["old", "early", "aggregator"]) {
        const error = await assertRejects(() => ask(port, `${dir}/tls-${tls}`, { wait: 2 }), ProtocolError);
        assertEquals(error.code, "certificate_refused", tls);
        assertStringIncludes(error.message, "fedx ca request");
      }
      const refused = events.filter((event) => event.type === "refused");
      assert(refused.length >= 9, "three attempts each at least");
      for (const { expected } of refused) assertStringIncludes(expected!, "this CA for the role silo");
      assertEquals(events.some((event) => event.type === "session" || event.type === "pulled"), false);
    });
  }));

Deno.test("a server with an expired certificate, a silo's, another CA's or another host's is not trusted, and the silo says why", () =>
  withFederation(async (dir) => {
    const ca = `${dir}/ca`;
    const hub = { name: "hub", role: "aggregator", ca } as const;
    const from = new Date(Date.now() + 86_400_000);
    await issue({ ...hub, out: `${dir}/hub-old`, lifetime: -60 });
    await issue({ ...hub, out: `${dir}/hub-early`, from });
    await issue({ ...hub, out: `${dir}/hub-host`, hosts: ["hub.example"] });
    await initCa(`${dir}/foreign`);
    await issue({ ...hub, ca: `${dir}/foreign`, out: `${dir}/hub-foreign` });
    const cases = [
      ["hub-old", "expired on", "another (fedx ca request"],
      ["hub-early", "is good from", "clock"],
      ["hub-host", "one for hub.example", "--host 127.0.0.1"],
      ["hub-foreign", "one issued by CN=fedx CA", "ca.pem"],
      ["tls-b", "one of the role silo", "--tls"],
    ];
    for (const [tls, got, remedy] of cases) {
      const server = createSecureServer({ ...await readIdentity(`${dir}/${tls}`), requestCert: true });
      let requests = 0;
      server.on("stream", () => requests++);
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as { port: number };
      const error = await assertRejects(() => ask(port, `${dir}/tls-a`), ProtocolError);
      assertEquals(error.code, "server_certificate", tls);
      assertStringIncludes(error.got, got);
      assertStringIncludes(error.remedy, remedy);
      assertEquals(requests, 0);
      await new Promise((resolve) => server.close(resolve));
    }
  }));

Deno.test("a revoked silo is refused before a byte of the model, and its namesake with a new certificate is not", () =>
  withFederation(async (dir) => {
    await revoke({ name: "a", ca: `${dir}/ca`, tls: `${dir}/tls-aggregator` });
    await issue({ name: "a", role: "silo", ca: `${dir}/ca`, out: `${dir}/tls-again` });
    await withAggregator(dir, async ({ port }, events) => {
      const error = await assertRejects(() => runRole({ dir, port, role: "a" }), ProtocolError);
      assertEquals(error.code, "certificate_revoked");
      assertStringIncludes(error.message, "fedx ca request");
      assertEquals(events.some((event) => event.type === "pulled" || event.type === "joined"), false);
      assert(events.some((event) => event.type === "refused" && event.code === "certificate_revoked"));
      await ask(port, `${dir}/tls-again`);
    });
  }));

Deno.test("a live session is cut off by revoking, also one whose request is waiting", () =>
  withFederation(async (dir) => {
    await withAggregator(dir, async ({ port }) => {
      using client = new Client({
        server: new URL(`https://127.0.0.1:${port}`),
        identity: await readIdentity(`${dir}/tls-a`),
        wait: 20,
        onEvent: () => {},
      });
      const view = await client.view();
      assertEquals(view.state, "joining");
      const waiting = client.view({ seen: "joining.0.0", wait: 1 });
      await revoke({ name: "a", ca: `${dir}/ca`, tls: `${dir}/tls-aggregator` });
      assertEquals((await assertRejects(() => waiting, ProtocolError)).code, "certificate_revoked");
      const model = () => client.pull(0, { length: 4096, sha256: null });
      assertEquals((await assertRejects(model, ProtocolError)).code, "certificate_revoked");
    });
  }));

Deno.test("runAggregator does not start with a list of revoked certificates that its CA did not sign", () =>
  withFederation(async (dir) => {
    await initCa(`${dir}/foreign`);
    await issue({ name: "a", role: "silo", ca: `${dir}/foreign`, out: `${dir}/foreign-a` });
    await revoke({ name: "a", ca: `${dir}/foreign`, tls: `${dir}/foreign-hub` });
    await Deno.copyFile(`${dir}/foreign-hub/revoked.json`, `${dir}/tls-aggregator/revoked.json`);
    const error = await assertRejects(
      () => runRole({ dir, port: freePort(), role: "aggregator" }),
      ProtocolError,
    );
    assertEquals(error.code, "damaged_revocations");
    assertStringIncludes(error.message, "fedx ca revoke");
  }));
