/** Silos that take part from within the aggregator's process, since they speak another language than fedx's wire. */
import type { Identity } from "../pki/own_certificate.ts";
import type { OnEvent } from "../protocol/event.ts";
import type { Proposal } from "../protocol/messages.ts";
import type { Handler } from "./exchange.ts";

/** What they take part with: the aggregator's own endpoints, for the silos of the proposal's `flower`. */
export interface Inside {
  run: string;
  proposal: Proposal;
  handler: Handler;
  /** Tells that such a silo is gone, whose requests had this session. */
  gone(silo: string, session: object): void;
  /** JSON values that outlive this process, under keys of the guests' own. */
  memory: { get<T>(key: string): T | null; set(key: string, value: unknown): void };
  /** The certificate that is shown at first. */
  identity: Identity;
  onEvent: OnEvent;
}

/** What serves them; disposed of before the aggregator stops. */
export interface Served extends AsyncDisposable {
  /** Shows another certificate from now on. */
  renew(identity: Identity): void;
}

/** Begins to serve them. */
export type Guests = (inside: Inside) => Promise<Served>;
