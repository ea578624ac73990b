/** Masked runs of real roles over real TLS: what they end with, whoever is killed when, and whom they wait for. */
import { assertEquals, assertNotEquals } from "@std/assert";
import { MASKED, type RoleSpec, runFederation, withFederation } from "../testing/fake_federation.ts";
import { freePort } from "../testing/free_port.ts";
import { at, runKilled } from "../testing/killed.ts";
import type { AggregatorResult, SiloResult } from "../../src/fed/training/result.ts";

const FIVE = ["a", "b", "c", "d", "e"];

/** The run that its silos show their aggregator. */
async function open(rounds: number, silos: string[]): Promise<AggregatorResult> {
  let result: AggregatorResult | undefined;
  await withFederation(async (dir) => {
    ({ result } = await runFederation({ dir, rounds, proposal: { silos, quorum: silos.length } }));
  }, silos);
  return result!;
}

for (const silos of [FIVE.slice(0, 3), FIVE]) {
  Deno.test(`a masked run of ${silos.length} silos ends with the models of an open one`, async () => {
    const plain = await open(3, silos);
    await withFederation(async (dir) => {
      const proposal = { silos, quorum: silos.length, ...MASKED };
      const { result, silos: ends, events } = await runFederation({ dir, rounds: 3, proposal });
      assertEquals([plain.masked, result.masked], [null, { smallest: silos.length, trust: null }]);
      assertEquals(result.sha256, plain.sha256);
      assertEquals(result.last_sha256, plain.last_sha256);
      assertNotEquals(result.last_sha256, plain.init.sha256);
      for (const { sha256 } of ends) assertEquals(sha256, plain.sha256);
      const rosters = events.flatMap((event) => event.type === "roster" ? [event.silos] : []);
      assertEquals(rosters, [silos, silos, silos]);
    }, silos);
  });
}

Deno.test("a masked run whose roles are killed at any point ends with the undisturbed digests", async () => {
  const plain = await open(6, ["a", "b", "c"]);
  await withFederation(async (dir) => {
    const spec: Omit<RoleSpec, "role"> = { dir, port: freePort(), rounds: 6, proposal: MASKED };
    const later = ["receiving", "before_fold", "folded", "renamed", "committed", "closing"];
    const [aggregator, a, b, c] = await Promise.all([
      runKilled<AggregatorResult>({ ...spec, role: "aggregator" }, [
        at("event:ready"),
        at("before_roster"),
        at("roster_settled"),
        ...later.map((point) => at(point)),
      ]),
      runKilled<SiloResult>({ ...spec, role: "a" }, [
        at("training"),
        at("ready_written"),
        at("ready_sent", 2),
      ]),
      runKilled<SiloResult>({ ...spec, role: "b" }, [at("masked"), at("uploading"), at("uploaded")]),
      runKilled<SiloResult>({ ...spec, role: "c" }, [at("event:masked", 2), at("scores_sent", 2)]),
    ]);
    assertEquals(aggregator.killed, ["event:ready", "before_roster", "roster_settled", ...later]);
    assertEquals(a.killed, ["training", "ready_written", "ready_sent"]);
    assertEquals(b.killed, ["masked", "uploading", "uploaded"]);
    assertEquals(c.killed, ["event:masked", "scores_sent"]);
    assertEquals(aggregator.result.sha256, plain.sha256);
    assertEquals(aggregator.result.last_sha256, plain.last_sha256);
    for (const { result } of [a, b, c]) assertEquals(result.sha256, plain.sha256);
  });
});
