import { assert, assertEquals } from "@std/assert";
import { stepsIn } from "../../../src/fed/aggregator/part.ts";
import { registration } from "../../testing/open_round.ts";
import { withMaskedRound } from "../../testing/masked_bench.ts";

Deno.test("openRound: in a masked run under a budget each silo has a step, however short the row and small the silo", () => {
  const images: Record<string, number> = { a: 4000, b: 640, c: 64 };
  const registered = (silo: string) => {
    const { splits } = registration(silo);
    const train = { images: images[silo], patients: images[silo], positives: images[silo] / 2 };
    return { splits: { ...splits, train }, stepsPerSecond: 0.01 };
  };
  return withMaskedRound(({ run, row }) => {
    const { from, to } = row.silos.a;
    assert(to - from < 1, "a short row");
    assertEquals(["a", "b", "c"].map((silo) => stepsIn(run.state, 1, silo)! > 0), [true, true, true]);
  }, { proposal: { rounds: null, budget: 60 }, registered });
});
