import type { FaultPoint } from "../fed/protocol/fault_point.ts";
import type { Limits } from "../fed/silo/limits.ts";
import type { Command, Values } from "./options/option.ts";
import type { Output } from "./output/output.ts";

/** What the code of a command gets. */
export interface Context<C extends Command> {
  values: Values<C>;
  /** What the settings file of a silo accepts of an aggregator. */
  accept?: Limits;
  output: Output;
  /** Aborted by SIGINT or SIGTERM. */
  signal: AbortSignal;
  /** Awaited by the roles at named moments. @default none */
  faultPoint?: FaultPoint;
}
