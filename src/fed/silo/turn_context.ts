/** What a silo's turn in a round needs. */
import { stepsOf } from "../maths/stretch.ts";
import type { Audit } from "../audit/audit.ts";
import type { OnEvent } from "../protocol/event.ts";
import type { FaultPoint } from "../protocol/fault_point.ts";
import type { Plan, RoundSettings } from "../protocol/messages.ts";
import type { Trainer } from "../training/trainer.ts";
import type { Client } from "../wire/client.ts";
import type { Heartbeats } from "./heartbeat.ts";
import type { Masking } from "./masking.ts";
import type { SiloState } from "./state.ts";

/** What a silo's turn needs. */
export interface TurnContext {
  silo: string;
  client: Client;
  state: SiloState;
  trainer: Trainer;
  plan: Plan;
  heartbeats: Heartbeats;
  onEvent: OnEvent;
  /** Null where no log is kept. */
  audit: Audit | null;
  faultPoint: FaultPoint;
  signal?: AbortSignal;
  /** Most passes in all that the operator accepts. @default any */
  maxPasses?: number;
  /** Aborted when the round goes on without this silo. */
  over?: AbortSignal;
  /** How updates are masked, null in a run without masks. */
  masking: Masking | null;
}

/** This silo's steps of a row. */
export function turnOf(
  { silo, trainer, plan }: TurnContext,
  row: RoundSettings,
): { firstStep: number; steps: number } {
  return stepsOf(row.silos[silo], { train: trainer.shard.splits.train.images, batch: plan.recipe.batch });
}
