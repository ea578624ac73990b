/**
 * Certificates that the CA did sign and whose keys their holders have, but that fedx ca makes for nobody: Deno has nothing
 * against them.
 *
 * Against 4b8d8f7 the aggregator answers a silo with a certificate for both roles, and a silo sends its request to an
 * aggregator with one.
 */
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ProtocolError } from "../../src/fed/protocol/errors.ts";
import { runRole, withFederation } from "../testing/fake_federation.ts";
import { withAggregator } from "../testing/listening.ts";
import {
  draft,
  extensions,
  issuerIn,
  keys,
  make,
  names,
  oid,
  readDer,
  readKey,
  sequence,
  tlv,
  USAGE,
  utf8,
} from "../testing/certificates.ts";
import { withForged } from "./forged.ts";
import { ask } from "./http2.ts";
import { connect, type Shown } from "./tls13.ts";

const { constraints, keyUsage, usage, names: alternative } = extensions;
const URI = names.uri("urn:fedx:silo:a");

/** A certificate of the federation's CA with these extensions, and its key. */
async function signed(dir: string, role: "silo" | "aggregator", list: Uint8Array[]): Promise<Shown> {
  const own = keys();
  const ca = {
    name: issuerIn(await readDer(`${dir}/tls-a/cert.pem`)),
    key: await readKey(`${dir}/ca/ca-key.pem`),
  };
  const subject = sequence(tlv(0x31, sequence(oid("2.5.4.3"), utf8("127.0.0.1"))));
  const der = make(draft(role, ca, { key: own.publicKey, subject, extensions: list }));
  return { certificates: [der], key: own.privateKey };
}

Deno.test("the aggregator serves no certificate of its CA that is for both roles or has more names than one silo's", () =>
  withFederation(async (dir) => {
    const cases = [
      ["one of another role", [constraints, keyUsage, usage(USAGE.client, USAGE.server), alternative(URI)]],
      ["none with the extension basicConstraints", [keyUsage, usage(USAGE.client), alternative(URI)]],
      ["another name than one silo's URI", [
        constraints,
        keyUsage,
        usage(USAGE.client),
        alternative(URI, names.dns("a")),
      ]],
    ] as const;
    await withAggregator(dir, async ({ port }, events) => {
      for (const [got, list] of cases) {
        using silo = await connect(port, { shown: await signed(dir, "silo", [...list]) });
        assertEquals(await ask(silo), false, got);
        const last = events.at(-1)!;
        assert(last.type === "refused", got);
        assertEquals([last.code, last.got], ["not_a_silo", got]);
      }
    });
  }));

Deno.test("a silo sends nothing to an aggregator whose certificate of the CA is for both roles or has a wildcard", () =>
  withFederation(async (dir) => {
    const ip = names.ip(127, 0, 0, 1);
    const cases = [
      ["one of another role", [constraints, keyUsage, usage(USAGE.client, USAGE.server), alternative(ip)]],
      ["another name than hosts", [
        constraints,
        keyUsage,
        usage(USAGE.server),
        alternative(ip, names.dns("*.example")),
      ]],
    ] as const;
    for (const [got, list] of cases) {
      const heard = await withForged(await signed(dir, "aggregator", [...list]), async (port) => {
        const error = await assertRejects(
          () => runRole({ dir, port, role: "a" }, { wait: 0.01 }),
          ProtocolError,
        );
        assertEquals(error.code, "server_certificate");
        assertStringIncludes(error.got, got);
      });
      assertEquals(heard, ["nothing"], got);
    }
  }));
