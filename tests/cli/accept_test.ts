import { assertMatch, assertThrows } from "@std/assert";
import { checkAccepted } from "../../src/cli/accept.ts";
import type { ShardManifest } from "../../src/data/shard.ts";
import type { Proposal } from "../../src/fed/protocol.ts";
import { preset } from "../../src/model/recipe.ts";

const proposal = { network: "efficientnet_b0", recipe: preset("deck"), rounds: 20 } as Proposal;
const shard = { counts: { train: { images: 90, patients: 40, positives: 30 } } } as ShardManifest;

Deno.test("checkAccepted lets a proposal inside the limits, or without any, pass", () => {
  checkAccepted(proposal, undefined, shard);
  checkAccepted(proposal, {}, shard);
  checkAccepted(proposal, { recipes: ["deck"], networks: ["efficientnet_b0"], maxRounds: 20 }, shard);
});

Deno.test("checkAccepted refuses each limit with the field and both values", () => {
  const cases: [Parameters<typeof checkAccepted>[1], RegExp][] = [
    [{ recipes: ["default"] }, /expected default by accept\.recipes, got deck/],
    [{ networks: ["other"] }, /expected other by accept\.networks, got efficientnet_b0/],
    [{ maxRounds: 10 }, /expected at most 10 rounds by accept\.max_rounds, got 20/],
    [{ minTrainPatients: 50 }, /at least 50 training patients by accept\.min_train_patients, got 40/],
  ];
  for (const [accept, text] of cases) {
    assertMatch(assertThrows(() => checkAccepted(proposal, accept, shard), Error).message, text);
  }
  const budget = { ...proposal, rounds: null };
  assertThrows(() => checkAccepted(budget, { maxRounds: 10 }, shard), Error, "a budget without a limit");
});
