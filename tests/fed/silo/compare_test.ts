import { assert, assertEquals, assertRejects } from "@std/assert";
import { exists } from "../../../src/files/exists.ts";
import type { AggregatorResult, SiloResult } from "../../../src/fed/training/result.ts";
import type { Plan } from "../../../src/fed/protocol/messages.ts";
import { compareWithStart } from "../../../src/fed/silo/compare.ts";
import { type Ended, SiloState } from "../../../src/fed/silo/state.ts";
import { testScores } from "../../../src/fed/training/score_split.ts";
import { fixThreshold } from "../../../src/fed/training/own_figures.ts";
import { readSafetensors } from "../../../src/model/weights/safetensors.ts";
import { inFolder } from "../../testing/folder.ts";
import { freePort } from "../../testing/free_port.ts";
import { killAt, Killed, proposalOf, runRole, withFederation } from "../../testing/fake_federation.ts";
import { FakeTrainer, startVector, TINY } from "../../testing/fake_trainer.ts";

/** With it round 1's model is selected, not the start. */
const SEED = 8;

/** What the start, or a model of the hub's state, says of silo a's films. */
async function predictionsOf(vector: Float32Array) {
  const { recipe } = proposalOf(startVector(TINY));
  using trainer = new FakeTrainer({ layout: TINY, silo: "a" });
  await trainer.configure({ recipe, classWeights: [1, 1], seed: 7, silo: 1 });
  await trainer.load(vector);
  return await trainer.predict();
}

/** The threshold in a model's file. */
async function thresholdIn(path: string): Promise<unknown> {
  return JSON.parse(readSafetensors(await Deno.readFile(path)).metadata.fedx).threshold;
}

Deno.test("a silo scores the start on its own test films after the run, and fixes a threshold in its own file alone", () =>
  withFederation(async (dir) => {
    const spec = { dir, port: freePort(), rounds: 2, seed: SEED };
    const [hub, a] = await Promise.all(
      ["aggregator", "a", "b", "c"].map((role) => runRole({ ...spec, role })),
    );
    const { own, ...told } = a as SiloResult;
    const bins = { bins: 62, low: -8, high: 8 } as const;
    const start = testScores(await predictionsOf(startVector(TINY)), { seed: 7, bins });
    assertEquals(own.start!.auroc, start.auroc);
    assertEquals([own.roc.selected, own.roc.start].map((curve) => curve!.tpr.at(-1)), [1, 1]);
    const { selection: { round } } = hub as AggregatorResult;
    assertEquals(round, 2);
    const selected = await Deno.readFile(`${dir}/state-aggregator/models/${round}.f32`);
    const fixed = fixThreshold(await predictionsOf(new Float32Array(selected.buffer)));
    assertEquals({ logit: own.threshold!.logit }, fixed);
    assertEquals(await thresholdIn(told.model), { logit: own.threshold!.logit });
    for (const name of ["model", "last", "init"]) {
      assertEquals(await thresholdIn(`${dir}/state-aggregator/${name}.safetensors`), undefined);
    }
    assertEquals(told.history.map(({ round }) => round), [1, 2, 3]);
    assertEquals([told.degraded, told.missing, told.of.rounds], [false, {}, 2]);
    assertEquals(await exists(`${dir}/state-a/models/0.f32`), false);
  }));

Deno.test("a silo without test films scores nothing after the run, announces nothing, and its result says why", () =>
  inFolder(async (dir) => {
    using state = await SiloState.open(`${dir}/state`, { silo: "a" });
    const test = { auroc: null, se: null, positives: 0, negatives: 0, images: 0 };
    state.ended = { sha256: "5e1ec7ed", test } as Ended;
    state.plan = proposalOf(startVector(TINY)) as Plan;
    const decisions = { threshold: null, threshold_reason: "none", sensitivity: null, specificity: null };
    state.answer("5e1ec7ed", { own: { decisions, curve: null } });
    const done: string[] = [];
    const note = (what: string) => void done.push(what);
    using trainer = new FakeTrainer({ layout: TINY, silo: "a", onScore: note });
    const { own } = await compareWithStart(state, trainer, {
      onEvent: ({ type }) => note(type),
      faultPoint: () => {},
    });
    assertEquals([done, own.start, own.start_reason], [[], null, "this hospital has no test films"]);
  }));

Deno.test("a silo that is killed after the hub has gone compares without it, once, and ends as one that was not", () =>
  withFederation(async (dir) => {
    const spec = { dir, port: freePort(), rounds: 1, seed: SEED };
    const scored: string[] = [];
    const onScore = (split: string) => void scored.push(split);
    const a = (at?: string) => runRole({ ...spec, role: "a" }, { onScore, onFault: killAt(at), wait: 1 });
    const killed = assertRejects(() => a("ended"), Killed);
    await Promise.all([killed, ...["aggregator", "b", "c"].map((role) => runRole({ ...spec, role }))]);
    assertEquals(scored, ["val", "val", "test"]);
    await assertRejects(() => a("compared"), Killed);
    const { own } = await a() as SiloResult;
    assertEquals(scored, ["val", "val", "test", "test", "test"]);
    assert(own.start!.auroc !== null);
    assertEquals(((await a()) as SiloResult).own, own); // a finished one does nothing again
    assertEquals(scored.length, 5);
  }));
