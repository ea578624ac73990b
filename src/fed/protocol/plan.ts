/** The plan: the proposal, frozen when the silos have joined. */
import * as v from "valibot";
import { canonicalDigest } from "../../files/canonical.ts";
import { count, number, roster } from "./fields.ts";
import { ProposalSchema } from "./proposal.ts";

/**
 * The proposal with what the joined silos decided; its canonical SHA-256 is the plan id. Every silo reads it, so it
 * names no silo's own counts, shard or machine.
 */
export const PlanSchema = v.strictObject({
  ...ProposalSchema.entries,
  /** Names of those who had joined, in the proposal's order. */
  roster,
  /** Training images of the roster together, and those with a finding. */
  pooled: v.strictObject({ images: count, positives: count }),
  /** [w0, w1], w_c = N / (2 N_c) over the pooled training counts. */
  classWeights: v.strictTuple([number(0, 1e9), number(0, 1e9)]),
});
export type Plan = v.InferOutput<typeof PlanSchema>;

/** SHA-256 hex of the canonical plan. */
export function planId(plan: Plan): string {
  return canonicalDigest(plan);
}
