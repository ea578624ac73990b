/**
 * Somebody takes the list of revoked certificates away and has the aggregator start again.
 *
 * Against 4b8d8f7 the revoked silo is served after the restart.
 */
import { assertEquals, assertInstanceOf, assertRejects, assertStringIncludes } from "@std/assert";
import { readIdentity } from "../../src/fed/pki/own_certificate.ts";
import { Client } from "../../src/fed/wire/client.ts";
import { ProtocolError } from "../../src/fed/protocol/errors.ts";
import { revoke } from "../../src/fed/pki/revoke.ts";
import { withFederation } from "../testing/fake_federation.ts";
import { withAggregator } from "../testing/listening.ts";
import { readDer, readKey } from "../testing/certificates.ts";
import { signedAnew } from "./forged.ts";
import { ask } from "./http2.ts";
import { connect } from "./tls13.ts";

/** What silo a gets from the aggregator. */
async function view(dir: string, port: number): Promise<string> {
  const identity = await readIdentity(`${dir}/tls-a`);
  using client = new Client({
    server: new URL(`https://127.0.0.1:${port}`),
    identity,
    wait: 5,
    onEvent() {},
  });
  return (await client.view()).state;
}

Deno.test("a revoked silo is not served after its list was deleted and the aggregator started again", () =>
  withFederation(async (dir) => {
    const list = `${dir}/tls-aggregator/revoked.json`;
    await revoke({ name: "a", ca: `${dir}/ca`, tls: `${dir}/tls-aggregator` });
    const refused = async (port: number) => {
      const error = await assertRejects(() => view(dir, port), ProtocolError);
      assertEquals(error.code, "certificate_revoked");
    };
    await withAggregator(dir, ({ port }) => refused(port));
    const signed = await Deno.readTextFile(list);
    await Deno.remove(list);
    let served = 0;
    const ended = await withAggregator(dir, async ({ port }, events) => {
      if (events.some(({ type }) => type === "listening")) served += await view(dir, port) === "" ? 0 : 1;
    });
    assertEquals(served, 0);
    assertInstanceOf(ended, ProtocolError);
    assertEquals(ended.code, "damaged_revocations");
    assertStringIncludes(ended.message, "fedx ca revoke");
    await Deno.writeTextFile(list, signed);
    await withAggregator(dir, ({ port }) => refused(port));
  }));

Deno.test("a revoked silo is not served when it writes its certificate's signature anew, which changes every digest", () =>
  withFederation(async (dir) => {
    await revoke({ name: "a", ca: `${dir}/ca`, tls: `${dir}/tls-aggregator` });
    const other = signedAnew(await readDer(`${dir}/tls-a/cert.pem`));
    const shown = { certificates: [other], key: await readKey(`${dir}/tls-a/key.pem`) };
    await withAggregator(dir, async ({ port }, events) => {
      using silo = await connect(port, { shown });
      assertEquals(await ask(silo), true, "it is the CA's certificate, so it gets as far as a request");
      const refused = events.filter((event) => event.type === "refused");
      assertEquals(refused.map(({ peer, code }) => [peer, code]), [["a", "certificate_revoked"]]);
      assertEquals(events.some(({ type }) => type === "pulled" || type === "joined"), false);
    });
  }));
