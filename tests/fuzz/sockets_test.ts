/**
 * Hostile bytes over real sockets: before authentication (no TLS, broken TLS, no certificate, a foreign one) and
 * after it (bytes that are no HTTP/2, and requests with mutated bodies). Then the run ends as if nothing had come.
 */
import { assert, assertEquals } from "@std/assert";
import { connect as connectTls } from "node:tls";
import { initCa, issue } from "../../src/fed/pki/ca.ts";
import { readIdentity } from "../../src/fed/pki/own_certificate.ts";
import { type Call, Connection, ConnectionLost } from "../../src/fed/wire/connection.ts";
import { ErrorBodySchema, parseMessage } from "../../src/fed/protocol/messages.ts";
import type { AggregatorResult } from "../../src/fed/training/result.ts";
import { runFederation, runRole, withFederation } from "../testing/fake_federation.ts";
import { freePort } from "../testing/free_port.ts";
import { frames, registration } from "../testing/open_round.ts";
import { campaign, cases } from "./mutate.ts";

const COUNTS = { plain: 3000, broken: 1500, foreign: 300, garbage: 1200, requests: 6000 };
const ANSWER = 5000;
/** A client's first bytes in HTTP/2. */
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const utf8 = (text: string) => new TextEncoder().encode(text);

/** The start of a TLS 1.3 handshake, as far as lengths go; the rest is mutated anyway. */
function clientHello(): Uint8Array {
  const body = new Uint8Array(220);
  body.set([0x03, 0x03], 0);
  body.set([0x20], 34);
  body.set([0x00, 0x02, 0x13, 0x01, 0x01, 0x00], 67);
  return Uint8Array.from([0x16, 3, 1, 0, body.length + 4, 1, 0, 0, body.length, ...body]);
}

/** Sends bytes over TCP and waits until the peer has closed or said nothing for a moment; returns what it said. */
async function throwBytes(port: number, bytes: Uint8Array): Promise<number> {
  using socket = await Deno.connect({ hostname: "127.0.0.1", port });
  let said = 0;
  await socket.write(bytes).catch(() => 0);
  await socket.closeWrite().catch(() => {});
  const buffer = new Uint8Array(4096);
  for (let n = 1; n !== null && n > 0;) {
    n = await socket.read(buffer).catch(() => 0) ?? 0;
    said += n;
  }
  return said;
}

/** Opens TLS as `identity`, writes bytes that are no HTTP/2, and waits for the end. */
function throwInside(port: number, identity: Record<string, unknown>, bytes: Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    const version = { minVersion: "TLSv1.3" } as const;
    const options = { host: "127.0.0.1", port, ...identity, ALPNProtocols: ["h2"], ...version };
    const socket = connectTls(options, () => socket.end(bytes));
    const timer = setTimeout(() => done("open"), ANSWER);
    const done = (how: string) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(how);
    };
    socket.on("data", () => {});
    socket.on("error", () => done("closed"));
    socket.on("close", () => done("closed"));
  });
}

Deno.test(
  `the aggregator under ${
    cases(Object.values(COUNTS).reduce((a, b) => a + b))
  } hostile inputs on its socket finishes the run as without them`,
  () =>
    withFederation(async (dir) => {
      const { result: quiet } = await runFederation({ dir, rounds: 2 });
      for (const role of ["aggregator", "a", "b", "c"]) {
        await Deno.remove(`${dir}/state-${role}`, { recursive: true });
      }
      await initCa(`${dir}/ca-foreign`);
      await issue({ name: "a", role: "silo", ca: `${dir}/ca-foreign`, out: `${dir}/tls-foreign` });
      const port = freePort();
      const listening = Promise.withResolvers<void>();
      const aggregator = runRole({ dir, port, role: "aggregator", rounds: 2 }, {
        onEvent: (event) => event.type === "listening" && listening.resolve(),
      });
      await listening.promise;

      const plain = ["GET / HTTP/1.1\r\nhost: x\r\n\r\n", PREFACE, "\0".repeat(64)]
        .map(utf8);
      await campaign(plain, async (bytes) => {
        await throwBytes(port, bytes);
      }, { count: COUNTS.plain });
      await campaign([clientHello()], async (bytes) => {
        await throwBytes(port, bytes);
      }, { count: COUNTS.broken });
      const { cert, key } = await readIdentity(`${dir}/tls-foreign`);
      const { ca, ...own } = await readIdentity(`${dir}/tls-a`);
      await campaign([utf8(PREFACE)], async (bytes) => {
        assertEquals(await throwInside(port, { ca, cert, key }, bytes), "closed");
        assertEquals(await throwInside(port, { ca }, bytes), "closed");
      }, { count: COUNTS.foreign });
      const start = "000000040000000000" + "000008010500000001"; // SETTINGS, the head of HEADERS
      const preface = [...utf8(PREFACE), ...Uint8Array.fromHex(start)];
      await campaign([Uint8Array.from(preface), Uint8Array.from([...preface, ...preface])], async (bytes) => {
        await throwInside(port, { ca, ...own }, bytes);
      }, { count: COUNTS.garbage });

      const server = new URL(`https://127.0.0.1:${port}`);
      let connection = await Connection.open(server, { ca, ...own });
      const bodies = [utf8(JSON.stringify(registration("b"))), frames(new Uint8Array(4096), 0), utf8("{}")];
      const paths = [
        "/v1/join",
        "/v1/rounds/1/update",
        "/v1/rounds/1/update?offset=0",
        "/v1/heartbeat",
        "/v1/rounds/1/scores",
      ];
      let turn = 0;
      await campaign(bodies, async (body) => {
        const path = paths[turn++ % paths.length];
        if (!connection.open) connection = await Connection.open(server, { ca, ...own });
        const call: Call = {
          method: path.includes("?") ? "PUT" : "POST",
          path,
          body: [body],
          timeout: 10,
        };
        const answer = await connection.send(call).catch((error) => {
          if (error instanceof ConnectionLost) return null;
          throw error;
        });
        if (answer === null) return;
        assert(answer.status >= 400, `${answer.status} to ${path}`);
        const { code } = parseMessage(ErrorBodySchema, answer.body, { what: "a refusal" });
        assert(code !== "internal", path);
      }, { count: COUNTS.requests });
      connection[Symbol.dispose]();

      const silos = ["a", "b", "c"].map((role) => runRole({ dir, port, role, rounds: 2 }));
      const { sha256, last_sha256 } = await aggregator as AggregatorResult;
      await Promise.all(silos);
      assertEquals([sha256, last_sha256], [quiet.sha256, quiet.last_sha256]);
    }),
);
