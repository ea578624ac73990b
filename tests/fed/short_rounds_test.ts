/** Rounds of a quarter of a pass, in most of which hospital c has no step, and in the first of which nobody has one. */
import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import type { FedEvent } from "../../src/fed/protocol/event.ts";
import type { AggregatorResult, SiloResult } from "../../src/fed/training/result.ts";
import { preset } from "../../src/model/recipe.ts";
import { freePort } from "../testing/free_port.ts";
import {
  killAt,
  Killed,
  receiptsOf,
  type RoleSpec,
  runFederation,
  runRole,
  withFederation,
} from "../testing/fake_federation.ts";

const RECIPE = preset("default", { batch: 64, localEpochs: 0.25 });
/** Two passes over 192, 240 and 96 films: .75, .9375 and .375 steps a round. */
const QUARTERS = { rounds: 8, proposal: { recipe: RECIPE, localEpochs: 0.25 } };
const IMAGES: Record<string, Partial<RoleSpec>> = { a: { images: 192 }, b: { images: 240 } };
/** Who has a step in which round: after r rounds floor(.75 r), floor(.9375 r) and floor(.375 r) are done. */
const STEPS = ["", "ab", "abc", "ab", "b", "abc", "ab", "abc"];

const of = <T extends FedEvent["type"]>(events: readonly FedEvent[], type: T) =>
  events.filter((event): event is Extract<FedEvent, { type: T }> => event.type === type);

/** Of rounds that nothing disturbed: what they did is in the result, the events and the state. */
function checkQuiet(dir: string, { result, silos, events }: Awaited<ReturnType<typeof runFederation>>): void {
  assertEquals([result.rounds, result.degraded, result.missing], [8, false, {}]);
  const receipts = receiptsOf(`${dir}/state-aggregator-quiet`).map((line) => line.slice(0, 3));
  assertEquals(receipts, STEPS.flatMap((names, at) => [...names].map((silo) => `${at + 1} ${silo}`)));
  const without = of(events, "no_step").map(({ round, silo }) => `${round} ${silo}`).sort();
  const absent = (names: string) => [..."abc"].filter((silo) => !names.includes(silo));
  assertEquals(without, STEPS.flatMap((names, at) => absent(names).map((silo) => `${at + 1} ${silo}`)));
  assertEquals(of(events, "committed")[0].sha256, result.init.sha256, "nobody had a step");
  assertNotEquals(result.last_sha256, result.init.sha256);
  const scored = of(events, "scored").map(({ scores }) => [scores.round, scores.auroc === null]);
  assertEquals(scored.toSorted(), [1, 5, 9].flatMap((round) => Array(3).fill([round, false])));
  assertEquals(of(events, "row").map(({ row }) => row.score), [1, 0, 0, 0, 1, 0, 0, 0].map(Boolean));
  assert(result.selection.reason.includes("of 3 models"), result.selection.reason);
  for (const { round, auroc, silos, seconds } of result.history) {
    assertEquals(
      [auroc === null, Object.keys(silos).length],
      [1, 5, 9].includes(round) ? [false, 3] : [true, 0],
    );
    assertEquals(seconds === null, round === 9);
  }
  // Two passes in whole steps; three models on val and one on test, 96 films each.
  assertEquals(result.images, { trained: 64 * (6 + 7 + 3), scored: 3 * 96 * 4 });
  assertEquals(silos.map(({ rounds, images }) => [rounds, images.trained / 64]), [[8, 6], [8, 7], [8, 3]]);
  assertEquals(silos.map(({ images }) => images.scored), [384, 384, 384]);
  for (const { history } of silos) assertEquals(history.map(({ round }) => round), [1, 5, 9]);
}

/** Runs a role that is killed at a fault point and started again, time after time. */
async function mortal(spec: RoleSpec, kills: readonly [point: string, nth: number][]) {
  for (const [point, nth] of kills) {
    await assertRejects(() => runRole(spec, { onFault: killAt(point, nth) }), Killed);
  }
  return await runRole(spec);
}

Deno.test("rounds of a quarter of a pass: who has no step takes part with its figures, and kills of it and of the aggregator, and a replay, change no digest", () =>
  withFederation(async (dir) => {
    const hashes = ({ sha256, last_sha256 }: AggregatorResult) => [sha256, last_sha256];
    const quiet = await runFederation({ dir, ...QUARTERS, suffix: "-quiet" }, IMAGES);
    checkQuiet(dir, quiet);
    const spec = { dir, port: freePort(), ...QUARTERS };
    const [hub, , , c] = await Promise.all([
      mortal({ ...spec, role: "aggregator" }, [["before_fold", 1], ["committed", 2]]),
      runRole({ ...spec, ...IMAGES.a, role: "a" }),
      runRole({ ...spec, ...IMAGES.b, role: "b" }),
      // Of round 1 the scores, of round 2 the figures alone: heard of, and noted; then where it has a step again.
      mortal({ ...spec, role: "c" }, [["scores_sent", 1], ["scores_sent", 2], ["uploaded", 2]]),
    ]);
    assertEquals(hashes(hub as AggregatorResult), hashes(quiet.result));
    assertEquals((hub as AggregatorResult).images, quiet.result.images);
    assertEquals((hub as AggregatorResult).missing, {});
    assertEquals((c as SiloResult).images.trained, 64 * 3);
    assertEquals(receiptsOf(`${dir}/state-aggregator`), receiptsOf(`${dir}/state-aggregator-quiet`));
    const replay = `${dir}/state-aggregator`;
    const again = await runFederation({ dir, ...QUARTERS, replay, suffix: "-again" }, IMAGES);
    assertEquals(hashes(again.result), hashes(quiet.result));
  }));
