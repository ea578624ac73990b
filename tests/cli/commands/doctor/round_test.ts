import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  checkBandwidth,
  checkRound,
  estimateRound,
  type RoundFacts,
} from "../../../../src/cli/commands/doctor/round.ts";
import { checkShard, checkSplits, openShard } from "../../../../src/cli/commands/doctor/shard.ts";
import type { Shard } from "../../../../src/data/shard.ts";
import { StoredFindings } from "../../../../src/data/stored_findings.ts";
import { proposalOf } from "../../../testing/fake_federation.ts";
import { startVector, TINY } from "../../../testing/fake_trainer.ts";

const FACTS: RoundFacts = {
  train: 1000,
  val: 96,
  batch: 32,
  localEpochs: 2,
  stepsPerSecond: 2,
  vector: 16e6,
  bandwidth: 1e6,
};

Deno.test("estimateRound: whole steps at the measured speed, scoring at three times it, the model there and back", () => {
  assertEquals(estimateRound(FACTS), { train: 31, score: 0.5, transfer: 32 });
  assertEquals(estimateRound({ ...FACTS, bandwidth: null }).transfer, 0);
});

Deno.test("checkRound fails when one round is longer than the budget or the round's limit", () => {
  const none = { budget: null, roundTimeout: null };
  assertEquals(checkRound(FACTS, none).ok, true);
  assertStringIncludes(
    checkRound(FACTS, { ...none, budget: 640 }).detail,
    "the budget has room for 10 rounds",
  );
  for (const limits of [{ ...none, budget: 60 }, { ...none, roundTimeout: 60 }]) {
    const check = checkRound(FACTS, limits);
    assertEquals(check.ok, false);
    assertStringIncludes(check.remedy!, "--local-epochs");
  }
  assertEquals(checkBandwidth(null).ok, null);
  assertStringIncludes(checkBandwidth(1e6).detail, "8.0 Mbit/s");
});

Deno.test("checkRound: rounds of a quarter of a pass are scored now and then, which the budget's rounds know", () => {
  const facts = { ...FACTS, val: 1920, localEpochs: 0.25 };
  const { detail } = checkRound(facts, { budget: 640, roundTimeout: null });
  assertEquals(
    detail,
    "about 46 s: training 3.5 s, scoring 10 s (in one of 4 rounds), transfer 32 s; the budget has room for 16 rounds",
  );
});

const proposal = proposalOf(startVector(TINY));
type Told = Pick<Shard, "manifest" | "findings" | "counts">;
/** A shard as its manifest tells it. */
function shardOf(changes: Record<string, unknown> = {}, train = 200): Told {
  const counts = (images: number) => ({ images, patients: images, positives: images >> 1 });
  const manifest = {
    size: 32,
    kernel: proposal.preprocessing.kernel,
    fit: "fill",
    labelRule: "any-finding",
    counts: { train: counts(train), val: counts(40), test: counts(40) },
    digest: "0".repeat(64),
    ...changes,
  };
  const findings = new StoredFindings({ labels: Uint16Array.of(1), names: [], others: null });
  return { manifest, findings, counts: () => manifest.counts } as unknown as Shard;
}

Deno.test("checkShard fails on another size, kernel or label rule, on less than a batch, and on the operator's veto", () => {
  const look = (shard: Told, accept = {}) => checkShard(shard, { proposal, accept });
  assertEquals(look(shardOf()).map((check) => check.ok), [true, true]);
  assertEquals(look(shardOf({ negative: ["Normal"] })).map((check) => check.ok), [true, true]);
  const wrong: [Record<string, unknown>, string][] = [
    [{ size: 64 }, "size 32, got 64"],
    [{ kernel: "nearest" }, "got nearest"],
    [{ labelRule: "other" }, "got other"],
  ];
  for (const [changes, detail] of wrong) {
    const [check] = look(shardOf(changes));
    assertEquals(check.ok, false);
    assertStringIncludes(check.detail, detail);
    assertStringIncludes(check.remedy!, "fedx prepare");
  }
  assertStringIncludes(look(shardOf({}, 20))[0].detail, "one batch a pass, got 20");
  const [, veto] = look(shardOf(), { minTrainPatients: 500 });
  assertEquals(veto.ok, false);
  assertStringIncludes(veto.detail, "at least 500 training patients");
  assert(veto.remedy);
  assertEquals(checkShard(shardOf(), { proposal: null }).map((check) => check.ok), [null, null]);
});

Deno.test("checkSplits warns of a val or test with too few patients of a class for an AUROC; it is no fault", () => {
  /** 12 patients of each class, two films each, in val and in test; of those in test `ill` are ill. */
  const shard = (ill: number) => {
    const films = Array.from({ length: 96 }, (_, i) => i);
    const isIll = (i: number) => i < 48 ? i % 4 < 2 : i < 48 + 2 * ill;
    return {
      findings: new StoredFindings({
        ...{
          names: [],
          others: null,
          labels: Uint16Array.from(films, (i) => isIll(i) ? i % 4 < 2 ? 4 : 8 : 0),
        },
      }),
      patients: Uint32Array.from(films, (i) => i >> 1),
      splits: Uint8Array.from(films, (i) => i < 48 ? 1 : 2),
    };
  };
  assertEquals(checkSplits(shard(12), "any-finding").map(({ ok, remedy }) => [ok, remedy]), [[
    true,
    undefined,
  ]]);
  const [few, ...more] = checkSplits(shard(9), "any-finding");
  assertEquals([few.ok, more], [true, []]);
  assertStringIncludes(few.detail, "test: 9 patients with a finding, 15 without; below 10 of either");
  assertStringIncludes(few.remedy!, "more patients");
  const [byRule] = checkSplits(shard(12), "positive:effusion");
  assertStringIncludes(byRule.detail, "test: 6 patients with a finding, 18 without");
});

Deno.test("openShard names prepare for a folder that is none", async () => {
  const { check, shard } = await openShard("nowhere");
  assertEquals([check.ok, shard], [false, null]);
  assertStringIncludes(check.remedy!, "fedx prepare");
  assertEquals((await openShard(undefined)).check.ok, null);
});
