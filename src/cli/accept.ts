// Why: the silo's operator has a veto; it is asked before the silo joins, so that nothing is registered first.
import type { ShardManifest } from "../data/shard.ts";
import type { Proposal } from "../fed/protocol.ts";
import type { Accept } from "./config.ts";

/**
 * Checks a proposal against what the silo's operator allows; limits that are not set allow everything.
 *
 * @throws {Error} naming the field and both values.
 */
export function checkAccepted(proposal: Proposal, accept: Accept | undefined, shard: ShardManifest): void {
  if (accept === undefined) return;
  const refuse = (field: string, expected: string, got: string): never => {
    throw new Error(
      `Cannot take part: expected ${expected} by accept.${field}, got ${got}; ` +
        "change it in this silo's settings, or ask the aggregator's operator for another proposal.",
    );
  };
  const { recipes, networks, maxRounds, minTrainPatients } = accept;
  if (recipes && !recipes.includes(proposal.recipe.name)) {
    refuse("recipes", recipes.join(" or "), proposal.recipe.name);
  }
  if (networks && !networks.includes(proposal.network)) {
    refuse("networks", networks.join(" or "), proposal.network);
  }
  if (maxRounds !== undefined && (proposal.rounds ?? Infinity) > maxRounds) {
    refuse(
      "max_rounds",
      `at most ${maxRounds} rounds`,
      String(proposal.rounds ?? "a budget without a limit"),
    );
  }
  const patients = shard.counts.train.patients;
  if (minTrainPatients !== undefined && patients < minTrainPatients) {
    refuse("min_train_patients", `at least ${minTrainPatients} training patients`, String(patients));
  }
}
