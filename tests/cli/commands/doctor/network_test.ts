import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { reach, STEPS, type Steps } from "../../../../src/cli/commands/doctor/network.ts";
import { initCa, issue } from "../../../../src/fed/pki/ca.ts";
import { type Identity, readIdentity } from "../../../../src/fed/pki/own_certificate.ts";
import { Client } from "../../../../src/fed/wire/client.ts";
import { ConnectionLost } from "../../../../src/fed/wire/connection.ts";
import { ProtocolError } from "../../../../src/fed/protocol/errors.ts";
import { revoke } from "../../../../src/fed/pki/revoke.ts";
import { withFederation } from "../../../testing/fake_federation.ts";
import { withAggregator } from "../../../testing/listening.ts";
import { freePort } from "../../../testing/free_port.ts";

const NOBODY: Identity = { ca: "", cert: "", key: "" };
const URL_ = new URL("https://hub.example:8443");

/** Steps that go well up to a client whose view fails. */
function failing(error: unknown): Steps {
  return {
    resolve: () => Promise.resolve(["10.0.0.7"]),
    connect: () => Promise.resolve(),
    client: () => ({
      view: () => Promise.reject(error),
      sample: () => Promise.reject(error),
      clockAhead: 300,
      [Symbol.dispose]() {},
    }),
  };
}
const outline = (checks: { name: string; ok: boolean | null }[]) =>
  checks.map(({ name, ok }) => `${name} ${ok}`).join(", ");

Deno.test("reach tells no address, no connection and no handshake apart, each with its own remedy", async () => {
  const lost = new ProtocolError("unreachable", {
    expected: "an answer",
    got: "the connection broke",
    cause: new ConnectionLost("it broke"),
  });
  const good = failing(lost);
  const refuse = () => Promise.reject(new Error("no"));
  const cases: [Steps, string, string][] = [
    [{ ...good, resolve: refuse }, "address false, connection null, handshake null, answer null", "DNS"],
    [{ ...good, connect: refuse }, "address true, connection false, handshake null, answer null", "firewall"],
    [good, "address true, connection true, handshake false, answer null", "proxy"],
  ];
  for (const [steps, expected, remedy] of cases) {
    const { checks, view } = await reach(URL_, NOBODY, steps);
    assertEquals([outline(checks), view], [expected, null]);
    assertStringIncludes(checks.find((check) => check.ok === false)!.remedy!, remedy);
  }
});

Deno.test("reach takes a live session of the same silo for an answer, and keeps the clock of a refusal", async () => {
  const live = new ProtocolError("session_live", { expected: "one", got: "a second" });
  const wrapped = new ProtocolError("unreachable", { expected: "x", got: "y", cause: live });
  const { checks, clockAhead } = await reach(URL_, NOBODY, failing(wrapped));
  assertEquals(outline(checks), "address true, connection true, handshake true, answer null");
  assertEquals(clockAhead, 300);
  const uninvited = new ProtocolError("not_invited", { expected: "one of a", got: "b" });
  const refused = (await reach(URL_, NOBODY, failing(uninvited))).checks.at(-1)!;
  assertEquals([refused.name, refused.ok], ["answer", false]);
  assertStringIncludes(refused.remedy!, "--silos");
});

Deno.test("reach over real TLS: a good silo's run, clock and bandwidth; foreign, expired and revoked ones told apart", () =>
  withFederation(async (dir) => {
    await withAggregator(dir, async ({ port }, events) => {
      const server = new URL(`https://localhost:${port}`);
      const good = await reach(server, await readIdentity(`${dir}/tls-a`));
      assertEquals(outline(good.checks), "address true, connection true, handshake true, answer true");
      assertEquals(good.view?.state, "joining");
      assert(Math.abs(good.clockAhead!) < 30 && good.bandwidth! > 1e5, `${good.bandwidth}`);
      assertEquals(events.filter(({ type }) => type === "pulled"), [], "a sample is no pull");
      await initCa(`${dir}/foreign`);
      await issue({ name: "a", role: "silo", ca: `${dir}/foreign`, out: `${dir}/tls-foreign` });
      await issue({ name: "a", role: "silo", ca: `${dir}/ca`, out: `${dir}/tls-old`, lifetime: -60 });
      await revoke({ name: "b", ca: `${dir}/ca`, tls: `${dir}/tls-aggregator` });
      const { ca } = await readIdentity(`${dir}/tls-a`);
      const stranger = await readIdentity(`${dir}/tls-foreign`);
      const cases: [Identity, string, string][] = [
        [stranger, "handshake", "use the ca.pem"],
        [{ ...stranger, ca }, "handshake", "fedx ca request"],
        [await readIdentity(`${dir}/tls-old`), "handshake", "fedx ca request"],
        [await readIdentity(`${dir}/tls-b`), "answer", "certificate authority"],
      ];
      const impatient: Steps = {
        ...STEPS,
        client: (server, identity) => new Client({ server, identity, wait: 0.5, onEvent() {} }),
      };
      for (const [identity, name, remedy] of cases) {
        const { checks } = await reach(server, identity, impatient);
        const wrong = checks.find((check) => check.ok === false)!;
        assertEquals(wrong.name, name, wrong.detail);
        assertStringIncludes(wrong.remedy!, remedy);
      }
    }, { full: true });
  }));

Deno.test("STEPS: an address needs no look-up, and a closed port is refused", async () => {
  assertEquals(await STEPS.resolve("::1"), ["::1"]);
  const error = await STEPS.connect("127.0.0.1", freePort()).catch((cause) => cause);
  assert(error instanceof Deno.errors.ConnectionRefused);
});
