/**
 * What a silo refuses of an aggregator that lies to it in a run under a budget, where rows are as long as the aggregator
 * says: a stretch, progress and the time that all of it takes are bounded by what was agreed.
 */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ProtocolError } from "../../src/fed/protocol/errors.ts";
import type { AggregatorResult } from "../../src/fed/training/result.ts";
import { SiloState } from "../../src/fed/silo/state.ts";
import { freePort } from "../testing/free_port.ts";
import { runFederation, runRole, withFederation } from "../testing/fake_federation.ts";
import { type Deviation, meetLies, PATIENT, withPlan, withRow, withStretch } from "./deviations.ts";

/** Far more seconds than the test takes: no row is abandoned. */
const BUDGET = 3600;

const DEVIATIONS: Record<string, Deviation> = {
  "another budget than the proposal's": {
    lie: (view) => withPlan(view, () => ({ budget: 1e8 })),
    refusal: /not agreed.*budget 3600, got budget 100000000/,
    scores: 0,
  },
  "a stretch of more than 2.5 times the local epochs": {
    lie: (view) => withStretch(view, 1, ({ from }) => ({ from, to: from + 2.6 })),
    refusal: /not agreed.*0\.111 to 2\.5 passes in round 1, got 2\.6/,
    scores: 0,
  },
  "a longer stretch than that of other members": {
    lie: (view) => withRow(view, 1, ({ silos }) => ({ silos: { ...silos, a: { from: 0, to: 2 } } })),
    refusal: /not agreed.*as many passes of b as of a, 2/,
    scores: 0,
  },
  "a stretch in which nobody takes a step, for the scores alone": {
    lie: (view) => withStretch(view, 1, ({ from }) => ({ from, to: from + 0.1 })),
    refusal: /not agreed.*0\.111 to 2\.5 passes in round 1, got 0\.1/,
    scores: 0,
  },
  "progress beyond 1": {
    lie: (view) => withRow(view, 1, () => ({ p1: 1.25 })),
    refusal: /<=1 at row\.p1, got 1\.25/,
    scores: 0,
  },
  "progress that stands still": {
    lie: (view) => withRow(view, 1, ({ p0 }) => ({ p1: p0 })),
    refusal: /not agreed.*progress that rises from 0/,
    scores: 0,
  },
  "a last row that leaves some of the schedule": {
    lie: (view) => withRow(view, 1, () => ({ last: true })),
    refusal: /not agreed.*progress 1 at the end of the last row/,
    scores: 0,
  },
  "the same stretch once it was said to count": {
    killedAt: "uploaded",
    lie: (view) => withStretch(view, 2, () => ({ from: 0, to: 1 })),
    refusal: /not agreed.*a stretch from 1, got 0/,
    scores: 0,
  },
  "a stretch that leaves some of its films out": {
    lie: (view) => withStretch(view, 2, ({ from, to }) => ({ from: from + 1, to: to + 1 })),
    refusal: /not agreed.*a stretch from 1, got 2/,
    scores: 0,
  },
  "progress that falls": {
    lie: (view) => withRow(view, 2, () => ({ p0: 0, p1: 0.2 })),
    refusal: /not agreed.*progress that rises from 0\.[1-9]/,
    scores: 0,
  },
  "more rounds than the plan has": {
    lie: (view) => view.row?.round === 2 ? withRow({ ...view, round: 4 }, 2, () => ({ round: 4 })) : view,
    refusal: /not agreed.*at most 3 rounds, got round 4/,
    scores: 0,
  },
};

Deno.test("under a budget a lying aggregator learns nothing, and does not end the run, wherever a silo is killed", (t) =>
  withFederation(async (dir) => {
    const proposal = { ...PATIENT.proposal, rounds: 3, budget: BUDGET };
    const spec = { dir, port: freePort(), ...PATIENT, proposal };
    const others = ["aggregator", "b", "c"].map((role) => runRole({ ...spec, role }));
    await meetLies(t, DEVIATIONS, spec);
    await t.step("row after row, past the budget", async () => {
      const worked = await work(dir, 10 * BUDGET + 1);
      const error = await assertRejects(() => runRole({ ...spec, role: "a" }), ProtocolError);
      assertMatch(`${error.code} ${error.message}`, /^not_agreed .*no row after 36000 s of this silo's work/);
      await work(dir, worked);
    });
    await runRole({ ...spec, role: "a" });
    const [result] = await Promise.all(others) as [AggregatorResult];
    assertEquals([result.degraded, result.rounds], [false, 3]);
    // Nothing of the lies is in the models: the rows alone give them.
    const again = await runFederation({ dir, proposal, replay: `${dir}/state-aggregator`, suffix: "-again" });
    const hashes = ({ sha256, last_sha256 }: AggregatorResult) => [sha256, last_sha256];
    assertEquals(hashes(again.result), hashes(result));
  }));

/** What silo a has worked so far, seconds; changed to `seconds` where they are given. */
async function work(dir: string, seconds?: number): Promise<number> {
  using state = await SiloState.open(`${dir}/state-a`, { silo: "a" });
  const { worked } = state;
  if (seconds !== undefined) state.worked = seconds;
  return worked;
}
