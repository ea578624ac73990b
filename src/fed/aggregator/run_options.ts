import type { Layout } from "../../model/layout.ts";
import type { Issuer } from "../pki/issuer.ts";
import type { OnEvent } from "../protocol/event.ts";
import type { FaultPoint } from "../protocol/fault_point.ts";
import type { Clock } from "../state/run_clock.ts";

/** What a run is made of besides its state folder. */
export interface RunOptions {
  layout: Layout;
  onEvent: OnEvent;
  /** Awaited at named moments. */
  faultPoint: FaultPoint;
  /** Seconds without a word after which a silo counts as lost. @default SILENCE */
  silence?: number;
  /** Two silos may join with one shard: for experiments. @default false */
  allowSameShard?: boolean;
  /** Largest part of all training images that one silo may have. @default maxShareOf(proposal) */
  maxShare?: number;
  /** Whose certificates a masked run's statements must come with; a run without masks has no use for it. @default none */
  ca?: Issuer;
  /** Where time comes from. @default this machine's clocks */
  clock?: Clock;
}
