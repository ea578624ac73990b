/** A masked run of five silos as processes that are killed: the digests of the run that shows its updates. */
import { assertEquals, assertNotEquals } from "@std/assert";
import type { AggregatorResult, SiloResult } from "../../src/fed/training/result.ts";
import { MASKED, runFederation, withFederation } from "../testing/fake_federation.ts";
import { freePort } from "../testing/free_port.ts";
import { at, runKilled } from "../testing/killed.ts";

const SILOS = ["a", "b", "c", "d", "e"];
const ROUNDS = 4;
const KILLS: Record<string, string[]> = {
  aggregator: ["event:ready", "before_roster", "roster_settled", "before_fold", "committed"],
  a: ["training", "ready_sent"],
  b: ["ready_written", "uploading"],
  c: ["masked"],
  d: ["event:masked", "uploaded"],
  e: ["update_written", "scores_sent"],
};

Deno.test("five silos, all six processes killed at every point of a masked round: as an open run in one process", async () => {
  const open = { silos: SILOS, quorum: SILOS.length };
  let plain: AggregatorResult | undefined;
  await withFederation(async (dir) => {
    plain = (await runFederation({ dir, rounds: ROUNDS, proposal: open })).result;
  }, SILOS);
  assertNotEquals(plain!.last_sha256, plain!.init.sha256);
  await withFederation(async (dir) => {
    const spec = { dir, port: freePort(), rounds: ROUNDS, proposal: { ...open, ...MASKED } };
    const roles = Object.entries(KILLS);
    const ends = await Promise.all(
      roles.map(([role, points]) =>
        runKilled<AggregatorResult | SiloResult>({ ...spec, role }, points.map((point) => at(point)))
      ),
    );
    for (const [index, { killed, result }] of ends.entries()) {
      assertEquals(killed, roles[index][1]);
      assertEquals(result.sha256, plain!.sha256);
    }
    assertEquals((ends[0].result as AggregatorResult).last_sha256, plain!.last_sha256);
  }, SILOS);
});
