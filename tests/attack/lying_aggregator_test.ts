/**
 * What a silo refuses of an aggregator that lies to it, in the order of a run: killed as it is told the lie and started
 * again, it ends with a sentence, having answered nothing of it. In the end the honest aggregator is back, and the run
 * completes.
 */
import { assertEquals } from "@std/assert";
import type { FedEvent } from "../../src/fed/protocol/event.ts";
import type { RoundSettings } from "../../src/fed/protocol/messages.ts";
import type { AggregatorResult } from "../../src/fed/training/result.ts";
import { freePort } from "../testing/free_port.ts";
import { runFederation, runRole, withFederation } from "../testing/fake_federation.ts";
import { type Deviation, meetLies, PATIENT, withPlan, withRow, withStretch } from "./deviations.ts";

const ROUNDS = 3;

/** Digests of the run's models so far. */
const models = new Map<number, string>();

const DEVIATIONS: Record<string, Deviation> = {
  "another learning rate in the plan": {
    lie: (view) => withPlan(view, ({ recipe }) => ({ recipe: { ...recipe, lr: 10 } })),
    refusal: /not agreed.*recipe\.lr 0\.001, got recipe\.lr 10/,
    scores: 0,
  },
  "another batch in plan and proposal once the silo has joined": {
    lie: (view) => {
      const { proposal, plan } = view;
      const recipe = { ...proposal.recipe, batch: 2 };
      return plan === null
        ? view
        : { ...withPlan(view, () => ({ recipe })), proposal: { ...proposal, recipe } };
    },
    refusal: /not agreed.*recipe\.batch 32, got recipe\.batch 2/,
    scores: 0,
  },
  "a network that this build does not know": {
    lie: (view) => ({ ...view, proposal: { ...view.proposal, network: "vit_b_16" as "resnet18" } }),
    refusal: /expected .*"resnet18".* at .*network, got "vit_b_16" \(remedy: run the same/,
    scores: 0,
  },
  "another network than agreed": {
    lie: (view) => ({ ...view, proposal: { ...view.proposal, network: "resnet18" } }),
    refusal: /not agreed.*network/,
    scores: 0,
  },
  "another seed": {
    lie: (view) => withPlan(view, () => ({ seed: 8 })),
    refusal: /not agreed.*seed 7, got seed 8/,
    scores: 0,
  },
  "foreign class weights": {
    lie: (view) => withPlan(view, () => ({ classWeights: [1, 50] })),
    refusal: /not agreed.*class weights 1, 1, got \[1,50\]/,
    scores: 0,
  },
  "pooled counts that cannot hold the silo's own": {
    lie: (view) => withPlan(view, () => ({ pooled: { images: 60, positives: 30 } })),
    refusal: /not agreed.*this silo's 48 of 96 images/,
    scores: 0,
  },
  "a roster without this silo": {
    lie: (view) => withPlan(view, () => ({ roster: ["b", "c"] })),
    refusal: /not agreed.*(a roster with a|at least 3)/,
    scores: 0,
  },
  "the digest of another plan": {
    lie: (view) => view.plan === null ? view : { ...view, planId: "0".repeat(64) },
    refusal: /not agreed.*the plan's own digest/,
    scores: 0,
  },
  "more steps than the plan has in a round": {
    lie: (view) => withStretch(view, 1, ({ from, to }) => ({ from, to: 9 * to })),
    refusal: /not agreed.*1 passes in round 1, got 9/,
    scores: 0,
  },
  "a stretch that other members do not have": {
    lie: (view) => withRow(view, 1, ({ silos }) => ({ silos: { ...silos, b: { from: 0, to: 0.25 } } })),
    refusal: /not agreed.*as many passes of b as of a/,
    scores: 0,
  },
  "a row of another run": {
    lie: (view) => withRow(view, 1, () => ({ run: "0".repeat(32) })),
    refusal: /not agreed.*a row of run/,
    scores: 0,
  },
  "another start than the plan's": {
    lie: (view) => withRow(view, 1, () => ({ base: "0".repeat(64) })),
    refusal: /not agreed.*as the base of round 1/,
    scores: 0,
  },
  "a member that was never invited": {
    lie: (view) =>
      withRow(
        view,
        1,
        ({ roster, silos }) => ({ roster: [...roster, "eve"], silos: { ...silos, eve: silos.a } }),
      ),
    refusal: /not agreed.*invited silos, got \["eve"\]/,
    scores: 0,
  },
  "a repeated round with another row": {
    killedAt: "update_written",
    lie: (view) => withRow(view, 1, ({ scale }) => ({ scale: { ...scale, weights: 3 } })),
    refusal: /not agreed.*round 1 as it was first told/,
    scores: 0,
  },
  "another plan in the middle of the run": {
    lie: (view) => view.round === 2 ? withPlan(view, () => ({ quorum: 1 })) : view,
    refusal: /not agreed.*quorum 3, got quorum 1/,
    scores: 1,
  },
  "a foreign run": {
    lie: (view) => view.round === 2 ? { ...view, run: "0".repeat(32) } : view,
    refusal: /expected run [0-9a-f]{32}.*, got 0{32}/,
    scores: 0,
  },
  "progress beyond 1": {
    lie: (view) => withRow(view, 2, () => ({ p1: 1.25 })),
    refusal: /<=1 at row\.p1, got 1\.25/,
    scores: 0,
  },
  "other progress than the plan's": {
    lie: (view) => withRow(view, 2, () => ({ p1: 0.9 })),
    refusal: /not agreed.*progress .* in round 2/,
    scores: 0,
  },
  "a last row before its time": {
    lie: (view) => withRow(view, 2, () => ({ last: true })),
    refusal: /not agreed.*"last":false/,
    scores: 0,
  },
  "a closing phase before its time": {
    lie: (view) => view.round === 2 ? { ...view, state: "closing", row: null } : view,
    refusal: /not agreed.*the closing phase after 3 rounds, got 2/,
    scores: 0,
  },
  "the same stretch twice": {
    killedAt: "uploaded",
    lie: (view) => withStretch(view, 3, () => ({ from: 1, to: 2 })),
    refusal: /not agreed.*a stretch from 2, got 1/,
    scores: 0,
  },
  "a test of the right model before its time": {
    lie: (view) =>
      view.round === 3 && view.row !== null
        ? { ...view, state: "closing", row: null, round: 2, selected: { round: 1, sha256: models.get(1)! } }
        : view,
    refusal: /not agreed.*the closing phase after 3 rounds, got 2/,
    scores: 0,
  },
  "a run that is finished before its time": {
    lie: (view) =>
      view.round === 3 && view.row !== null
        ? { ...view, state: "finished", row: null, round: 2, selected: { round: 1, sha256: models.get(1)! } }
        : view,
    refusal: /not agreed.*the closing phase after 3 rounds, got 2/,
    scores: 0,
  },
  "a round number that falls": {
    lie: (view) => view.row?.round === 3 ? { ...view, round: 1, row: { ...view.row, round: 1 } } : view,
    refusal: /not agreed.*a round after 2, got 1/,
    scores: 0,
  },
  "a row after the last": {
    lie: (view) => {
      if (view.state !== "closing") return view;
      const silos = Object.fromEntries(view.plan!.silos.map((name) => [name, { from: 3, to: 4 }]));
      const settings = {
        version: 3 as const,
        run: view.run,
        base: "0".repeat(64),
        p0: 0.9,
        p1: 1,
        score: true,
        last: true,
      };
      const scale = { weights: 32, statistics: 20 };
      const row: RoundSettings = { ...settings, round: 4, roster: view.plan!.silos, silos, scale };
      return { ...view, state: "round", round: 4, row, selected: null };
    },
    refusal: /not agreed.*no row after the last, 3/,
    scores: 1,
  },
  "a test of a model that the silo has never seen": {
    lie: (view) =>
      view.selected === null ? view : { ...view, selected: { round: 2, sha256: "0".repeat(64) } },
    refusal: /not agreed.*the model [0-9a-f]{64} of round 2/,
    scores: 1,
  },
  "a test of another start": {
    lie: (view) =>
      view.selected === null ? view : { ...view, selected: { round: 0, sha256: "0".repeat(64) } },
    refusal: /not agreed.*of round 0/,
    scores: 0,
  },
  "a second test query": {
    killedAt: "tested",
    lie: (view) => {
      if (view.selected === null) return view;
      const round = view.selected.round === 1 ? 2 : 1;
      return { ...view, state: "closing", selected: { round, sha256: models.get(round)! } };
    },
    refusal: /not agreed.*one test of one model/,
    scores: 0,
  },
};

Deno.test("a lying aggregator learns nothing, and does not end the run, wherever a silo is killed", async (t) => {
  await withFederation(async (dir) => {
    const undisturbed = runFederation({ dir, rounds: ROUNDS, suffix: "-undisturbed" });
    const spec = { dir, port: freePort(), rounds: ROUNDS, ...PATIENT };
    const onEvent = (event: FedEvent) => {
      if (event.type === "committed") models.set(event.round, event.sha256);
    };
    const others = ["aggregator", "b", "c"].map((role) => runRole({ ...spec, role }, { onEvent }));
    await meetLies(t, DEVIATIONS, spec);
    await runRole({ ...spec, role: "a" });
    const [result] = await Promise.all(others) as [AggregatorResult];
    assertEquals(result.degraded, false);
    const hashes = ({ sha256, last_sha256 }: AggregatorResult) => [sha256, last_sha256];
    assertEquals(hashes(result), hashes((await undisturbed).result));
  });
});
