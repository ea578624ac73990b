import { assert, assertEquals, assertMatch } from "@std/assert";
import { createSecureServer } from "node:http2";
import { readIdentity } from "../../../src/fed/pki/own_certificate.ts";
import { Client } from "../../../src/fed/wire/client.ts";
import { clockAhead, clockWarning } from "../../../src/fed/wire/clock.ts";
import type { FedEvent } from "../../../src/fed/protocol/event.ts";
import { newRunId, type RunView } from "../../../src/fed/protocol/messages.ts";
import { proposalOf, withFederation } from "../../testing/fake_federation.ts";
import { startVector, TINY } from "../../testing/fake_trainer.ts";

Deno.test("clockAhead compares the answer's whole second with the middle of the exchange", () => {
  const at = (seconds: number) => new Date(Date.UTC(2026, 0, 1, 12, 0, seconds)).toUTCString();
  const noon = Date.UTC(2026, 0, 1, 12);
  assertEquals(clockAhead(at(30), { sent: noon, received: noon + 1000 }), 30);
  assertEquals(clockAhead(at(-30), { sent: noon, received: noon + 1000 }), -30);
  for (const bad of [undefined, "soon", ["a"]]) assertEquals(clockAhead(bad, { sent: 0, received: 0 }), null);
});

Deno.test("clockWarning tells more than two minutes, in the right direction", () => {
  for (const close of [null, 0, 120, -120]) assertEquals(clockWarning(close), null);
  assertMatch(clockWarning(180)!.problem, /3 min behind the aggregator's/);
  assertMatch(clockWarning(-9000)!.problem, /3 h ahead of the aggregator's/);
});

/** Answers `GET /v1/run` under another clock. */
async function viewUnder(shift: number): Promise<FedEvent[]> {
  const events: FedEvent[] = [];
  await withFederation(async (dir) => {
    const proposal = proposalOf(startVector(TINY));
    const rest = { plan: null, planId: null, row: null, round: 0, selected: null };
    const view: RunView = { version: 3, roster: null, run: newRunId(), state: "joining", proposal, ...rest };
    const body = JSON.stringify(view);
    const server = createSecureServer(await readIdentity(`${dir}/tls-aggregator`));
    server.on("stream", (stream) => {
      stream.on("error", () => {});
      const date = new Date(Date.now() + shift * 1000).toUTCString();
      stream.respond({ ":status": 200, "content-length": body.length, date });
      stream.end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    {
      using client = new Client({
        server: new URL(`https://127.0.0.1:${port}`),
        identity: await readIdentity(`${dir}/tls-a`),
        wait: 5,
        onEvent: (event) => void events.push(event),
      });
      await client.view();
      await client.view();
      assert(Math.abs(client.clockAhead! - shift) < 30, `${client.clockAhead}`);
    }
    await new Promise((resolve) => server.close(resolve));
  });
  return events.filter((event) => event.type === "warning");
}

Deno.test("Client warns once when the aggregator's clock is ten minutes away, and not for one minute", async () => {
  assertEquals((await viewUnder(600)).length, 1);
  assertEquals(await viewUnder(-60), []);
});
