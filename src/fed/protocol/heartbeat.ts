/** The heartbeat: a silo tells every 10 s what it is doing, and hears whether the run has moved on. */
import * as v from "valibot";
import { count, roundOrStart, RunId } from "./fields.ts";
import { RunStateSchema } from "./run_view.ts";

const SiloPhaseSchema = v.picklist(["waiting", "pulling", "scoring", "training", "uploading", "closing"]);
export type SiloPhase = v.InferOutput<typeof SiloPhaseSchema>;

/** `POST /v1/heartbeat`, every 10 s. */
export const HeartbeatSchema = v.strictObject({
  run: RunId,
  round: roundOrStart,
  phase: SiloPhaseSchema,
  /** Steps done and to do while training, else 0. */
  step: count,
  steps: count,
});
export type Heartbeat = v.InferOutput<typeof HeartbeatSchema>;

/** Answer to a heartbeat: enough for the silo to notice that the run has moved on. */
export const HeartbeatAnswerSchema = v.strictObject({
  run: RunId,
  state: RunStateSchema,
  round: roundOrStart,
});
export type HeartbeatAnswer = v.InferOutput<typeof HeartbeatAnswerSchema>;
