/** The run as the aggregator shows it to a silo. */
import * as v from "valibot";
import { Digest, round, roundOrStart, RunId, SiloName, text } from "./fields.ts";
import { PlanSchema } from "./plan.ts";
import { ProposalSchema } from "./proposal.ts";
import { RoundSettingsSchema } from "./round_settings.ts";

export const RunStateSchema = v.picklist(["joining", "round", "closing", "finished", "failed"]);
export type RunState = v.InferOutput<typeof RunStateSchema>;

/** `GET /v1/run`, and the answer to `POST /v1/join`. */
export const RunViewSchema = v.strictObject({
  version: v.literal(3),
  run: RunId,
  state: RunStateSchema,
  proposal: ProposalSchema,
  plan: v.nullable(PlanSchema),
  planId: v.nullable(Digest),
  /** The open round's settings; null while joining and after the last round. */
  row: v.nullable(RoundSettingsSchema),
  /** `rosterDigest` of the open row in a masked run, once its updates are wanted; null before that and without masks. */
  roster: v.nullable(Digest),
  /** Number of the open round; in the closing phase the number of rounds done. */
  round: roundOrStart,
  /** Set when every silo has scored g(R); round 0 is the start. */
  selected: v.nullable(v.strictObject({ round: roundOrStart, sha256: Digest })),
  /**
   * Of a finished run: by silo the rounds that closed without its part, R + 1 after R rounds for the closing phase;
   * none has an entry that was there all along.
   */
  missing: v.exactOptional(v.record(SiloName, v.pipe(v.array(round), v.minLength(1)))),
  /** Why the run failed. */
  message: v.exactOptional(text(2000)),
});
export type RunView = v.InferOutput<typeof RunViewSchema>;

/** A new run id: 16 random bytes, hex. */
export function newRunId(): string {
  return crypto.getRandomValues(new Uint8Array(16)).toHex();
}
