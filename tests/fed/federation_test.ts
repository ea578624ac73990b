import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { AggregatorResult } from "../../src/fed/result.ts";
import { freePort } from "../free_port.ts";
import { runFederation, runRole, withFederation } from "./fake_federation.ts";

Deno.test("runAggregator and runSilo: a whole run over mutual TLS ends with one model everywhere", () =>
  withFederation(async (dir) => {
    const { result, silos, events } = await runFederation({ dir });
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

/** The digests of a run whose silos start one after the other. */
async function digestsOf(
  { order = ["a", "b", "c"], delays = {}, seed }: {
    order?: string[];
    delays?: Record<string, number>;
    seed?: number;
  },
): Promise<string[]> {
  let digests: string[] = [];
  await withFederation(async (dir) => {
    const spec = { dir, port: freePort(), seed };
    const roles = [runRole({ ...spec, role: "aggregator" })];
    for (const role of order) {
      roles.push(runRole({ ...spec, role, delay: delays[role] }));
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
    const [result] = await Promise.all(roles);
    digests = [result.sha256, (result as AggregatorResult).last_sha256];
  });
  return digests;
}

Deno.test("two runs with other start order and delays give the same digests, another seed others", async () => {
  const plain = await digestsOf({});
  assertEquals(await digestsOf({ order: ["c", "a", "b"], delays: { a: 0.02, b: 0.005 } }), plain);
  const other = await digestsOf({ seed: 8 });
  assertNotEquals(other[1], plain[1]);
});
