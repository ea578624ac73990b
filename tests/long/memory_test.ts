/**
 * How much memory the roles take, as `bench/memory.ts` measures it, once and at a size that takes a minute.
 */
import { assert } from "@std/assert";
import { FULL } from "../testing/fake_trainer.ts";
import { type FederationSize, measureSilos } from "../testing/measured.ts";

const MB = 1e6;
/**
 * The aggregator's peak with 30 silos is at most 64 MB above its peak with 4. What a busy machine's late garbage collection
 * adds to a peak is no growth: the lower of two measurements counts.
 */
async function assertFlat(options: FederationSize): Promise<void> {
  const few = (await measureSilos(4, options)).aggregator / MB;
  let growth = Infinity;
  for (let tries = 0; tries < 2 && growth > 64; tries++) {
    growth = Math.min(growth, (await measureSilos(30, options)).aggregator / MB - few);
  }
  assert(growth <= 64, `${growth} MB more than ${few} MB`);
}

Deno.test("the aggregator's memory does not grow with the silos: 30 join, pull, upload and close at once", () =>
  assertFlat({ values: FULL.length, rounds: 1 }));

Deno.test("the aggregator's memory does not grow with the silos: 30 uploads of 10 M values at once", () =>
  assertFlat({ values: 10e6, rounds: 1, uploadOnly: true }));

Deno.test("no role holds more than three vectors beside what it moves: two rounds of 25 M values", async () => {
  const { aggregator, silos } = await measureSilos(3, { values: 25e6, rounds: 2 });
  const vectors = 3 * 4 * 25e6;
  assert(aggregator <= 350 * MB + vectors, `aggregator: ${aggregator / MB} MB`);
  assert(silos <= 300 * MB + vectors, `silo: ${silos / MB} MB`);
});
