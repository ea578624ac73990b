import { assert, assertEquals } from "@std/assert";
import { againstStart, startTest, testWithStart } from "../../../src/fed/training/test_figures.ts";
import { testScores } from "../../../src/fed/training/score_split.ts";
import type { Predictions } from "../../../src/model/predictions.ts";
import { proposalOf } from "../../testing/fake_federation.ts";
import { FakeTrainer, TINY } from "../../testing/fake_trainer.ts";

const SETTINGS = { seed: 1, bins: { bins: 62, low: -8, high: 8 } } as const;

/** Films of as many patients; every other one has a finding, which this model tells so well. */
function films(count: number, skill: number): Predictions {
  const labels = Uint8Array.from({ length: count }, (_, i) => i % 2);
  const logits = Float32Array.from(labels, (label, i) => label * skill + ((i * 37) % 100) / 100);
  return { logits, labels, patients: Uint32Array.from(labels, (_, i) => i) };
}

Deno.test("againstStart gives the start's figures, and by how much the selected model ranks the same films better", () => {
  const [start, selected] = [films(200, 0.2), films(200, 0.5)];
  const { difference, ...figures } = againstStart({ start, selected }, SETTINGS);
  assertEquals(figures, startTest(start, SETTINGS));
  const [before, after] = [start, selected].map((one) => testScores(one, SETTINGS).auroc!);
  assert(Math.abs(difference!.auroc - (after - before)) < 1e-9);
  const [low, high] = difference!.ci95!;
  assert(0 < low && low < difference!.auroc && difference!.auroc < high);
  const back = againstStart({ start: selected, selected: start }, SETTINGS).difference!;
  assert(back.auroc < 0 && back.ci95![1] < 0);
});

Deno.test("againstStart has no difference below 10 patients of a class, nor for a model that gives no numbers", () => {
  const few = againstStart({ start: films(18, 0.2), selected: films(18, 0.5) }, SETTINGS);
  assertEquals([few.auroc, few.difference, few.images], [null, null, 18]);
  const wild = { ...films(200, 0.5), logits: new Float32Array(200).fill(NaN) };
  const sound = films(200, 0.2);
  assertEquals(againstStart({ start: sound, selected: wild }, SETTINGS).difference, null);
  assertEquals(againstStart({ start: wild, selected: sound }, SETTINGS).auroc, null);
});

Deno.test("againstStart: where no resample tells two models apart there is a difference and no interval", () => {
  const same = films(200, 0.5);
  assertEquals(againstStart({ start: same, selected: same }, SETTINGS).difference, { auroc: 0, ci95: null });
});

/** Two hospitals' films pooled; the start tells nothing, the model of round 1 something. */
class Pooled extends FakeTrainer {
  readonly loaded: number[] = [];

  override load(vector: Float32Array): Promise<void> {
    this.loaded.push(vector[0]);
    return Promise.resolve();
  }

  override predict(): Promise<Predictions> {
    const { logits, ...rest } = films(100, this.loaded.at(-1)!);
    return Promise.resolve({
      logits,
      ...rest,
      strata: rest.labels.map((_, i) => i < 60 ? 0 : 1) as unknown as Uint32Array,
    });
  }
}

const KINDS = [["file", ["a", "b"], [1, 0]], ["imagenet", undefined, [1]], ["random", undefined, [
  1,
]]] as const;

for (const [kind, silos, loaded] of KINDS) {
  Deno.test(`testWithStart from ${kind}: the start is ${silos ? "tested too, by shard" : "not tested"}`, async () => {
    using trainer = new Pooled({ layout: TINY, silo: "a" });
    const [start, vector] = [0, 1].map((skill) => new Float32Array(TINY.length).fill(skill));
    const init = { kind, source: "s", sha256: "5e1ec7ed" };
    const proposal = proposalOf(start, { init, silos: ["a", "b"], seed: 1 });
    const selected = { round: 1, vector, fixed: { logit: 0.5 } };
    const result = await testWithStart(trainer, { proposal, start, selected });
    assertEquals(Object.keys(result.test.silos), ["a", "b"]);
    assertEquals(Object.keys(result).includes("start"), silos !== undefined);
    assertEquals(result.start && Object.keys(result.start), silos as string[] | undefined);
    assertEquals(trainer.loaded, [...loaded]);
  });
}

Deno.test("testWithStart scores a start that was selected once", async () => {
  using trainer = new Pooled({ layout: TINY, silo: "a" });
  const start = new Float32Array(TINY.length).fill(1);
  const proposal = proposalOf(start, {
    init: { kind: "file", source: "s", sha256: "5e1ec7ed" },
    silos: ["a", "b"],
  });
  const selected = { round: 0, vector: start, fixed: { logit: 0.5 } };
  const { test, start: compared } = await testWithStart(trainer, { proposal, start, selected });
  assertEquals(trainer.loaded, [1]);
  assertEquals(compared!.a.auroc, test.silos.a.auroc);
  assertEquals(compared!.a.difference, { auroc: 0, ci95: null });
});
