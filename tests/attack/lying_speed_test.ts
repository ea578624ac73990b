/**
 * What a silo gains by lying about its speed, or by being slow, in a run under a budget: it never ends it with nothing
 * and without a word.
 */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { readIdentity } from "../../src/fed/pki/own_certificate.ts";
import { Client } from "../../src/fed/wire/client.ts";
import { ProtocolError } from "../../src/fed/protocol/errors.ts";
import type { AggregatorResult } from "../../src/fed/training/result.ts";
import { freePort } from "../testing/free_port.ts";
import { runFederation, runRole, withFederation } from "../testing/fake_federation.ts";
import { withAggregator } from "../testing/listening.ts";
import { registration } from "../testing/open_round.ts";

Deno.test("a silo that claims 0.001 steps a second, or 1,000,000: the rounds are run, none is abandoned", () =>
  withFederation(async (dir) => {
    await Promise.all([1e-3, 1e6].map(async (speed) => {
      const spec = { dir, proposal: { rounds: 3, budget: 60 }, suffix: `-${speed}` };
      const { result, events } = await runFederation(spec, { c: { speed } });
      assertEquals([result.rounds, result.abandoned, result.degraded], [3, undefined, false]);
      const rows = events.flatMap((event) => event.type === "row" ? [event.row] : []);
      assert(rows[0].p1 > 0 && rows[0].p1 < 0.5, `p1 ${rows[0].p1}`);
    }));
  }));

Deno.test("a speed that would divide the run by nothing is refused by its name, and the honest silo may come", () =>
  withFederation(async (dir) => {
    const proposal = { rounds: 2, budget: 60 };
    const result = await withAggregator(dir, async (spec, events) => {
      {
        using client = new Client({
          server: new URL(`https://127.0.0.1:${spec.port}`),
          identity: await readIdentity(`${dir}/tls-c`),
          wait: 5,
          onEvent: () => {},
        });
        for (const stepsPerSecond of [5e-324, 0, 1e-6, 1e308, -1, NaN]) {
          const lie = { ...registration("c"), stepsPerSecond };
          const error = await assertRejects(() => client.join(lie), ProtocolError, "at stepsPerSecond");
          assertEquals(error.code, "bad_request");
          assertEquals(events.findLast(({ type }) => type === "refused"), {
            ...{ type: "refused", peer: "c", code: "bad_request" },
            ...{ expected: error.expected, got: error.got },
          });
        }
      }
      await Promise.all(["a", "b", "c"].map((role) => runRole({ ...spec, role })));
    }, { proposal });
    assertEquals((result as AggregatorResult).rounds, 2);
  }));

Deno.test("a silo that claims to be fast and never ends its first turn: a failure that names it, never 0 rounds", () =>
  withFederation(async (dir) => {
    const spec = { dir, port: freePort(), proposal: { rounds: null, budget: 3 } };
    const ends = [
      runRole({ ...spec, role: "aggregator" }),
      runRole({ ...spec, role: "a", speed: 2 }),
      runRole({ ...spec, role: "b" }),
      runRole({ ...spec, role: "c", speed: 1e6, stuckFrom: 0 }),
    ].map((role) => assertRejects(() => role, ProtocolError));
    const [hub, ...silos] = await Promise.all(ends);
    assertEquals(hub.code, "budget_over");
    assertMatch(hub.message, /none from c; the slowest by its own measure is a with 2 steps a second/);
    assertMatch(hub.message, /raise --budget, then begin again with --new/);
    for (const { code, message } of silos) {
      assertMatch(`${code} ${message}`, /^run_failed .*Cannot finish a round within the budget/);
    }
    // The start is kept as what it is, and as nothing else; the same command says the same again.
    const kept = await Array.fromAsync(Deno.readDir(`${dir}/state-aggregator`), ({ name }) => name);
    assertEquals(kept.filter((name) => name.endsWith(".safetensors")), ["init.safetensors"]);
    assertEquals(await runRole({ ...spec, role: "aggregator" }).catch(({ message }) => message), hub.message);
  }));
