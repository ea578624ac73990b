import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { FedEvent } from "../../src/fed/event.ts";
import type { AggregatorResult, SiloResult } from "../../src/fed/result.ts";
import { freePort } from "../free_port.ts";
import { runRole, withFederation } from "./fake_federation.ts";

async function federate(
  dir: string,
  options: {
    order?: string[];
    delays?: Record<string, number>;
    seed?: number;
    full?: boolean;
    rounds?: number;
  } = {},
) {
  const port = freePort();
  const { order = ["a", "b", "c"], delays = {}, ...rest } = options;
  const events: FedEvent[] = [];
  const aggregator = runRole({ dir, port, role: "aggregator", ...rest }, { onEvent: (e) => events.push(e) });
  const silos: Promise<unknown>[] = [];
  for (const role of order) {
    silos.push(runRole({ dir, port, role, full: rest.full, delay: delays[role] }));
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  const [result, ...done] = await Promise.all([aggregator, ...silos]);
  return { result: result as AggregatorResult, silos: done as SiloResult[], events };
}

Deno.test("runAggregator and runSilo: a whole run over mutual TLS ends with one model everywhere", () =>
  withFederation(async (dir) => {
    const { result, silos, events } = await federate(dir);
    assertEquals(result.rounds, 4);
    assertEquals(result.degraded, false);
    const { lower, upper } = result.test.pooled!;
    assert(0 < lower && lower < upper && upper < 1, `${lower}–${upper}`);
    assert(result.test.stratified !== null && result.test.ci95 !== null);
    assertNotEquals(result.last_sha256, result.init.sha256);
    for (const silo of silos) {
      assertEquals(silo.sha256, result.sha256);
      assertEquals(silo.rounds, 4);
      assert((await Deno.stat(silo.model)).size > 4096 * 4);
    }
    assertEquals(result.images, { trained: 4 * 3 * 96, scored: 3 * 96 * 6 });
    assertEquals(events.filter((e) => e.type === "committed").length, 4);
  }));

Deno.test("two runs with other start order and delays give the same digests, another seed others", async () => {
  const digests: string[][] = [];
  const run = (options: Parameters<typeof federate>[1]) =>
    withFederation(async (dir) => {
      const { result } = await federate(dir, options);
      digests.push([result.sha256, result.last_sha256]);
    });
  await run({});
  await run({ order: ["c", "a", "b"], delays: { a: 0.02, b: 0.005 } });
  await run({ seed: 8 });
  assertEquals(digests[0], digests[1]);
  assertNotEquals(digests[0][1], digests[2][1]);
});
