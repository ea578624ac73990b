/** What carries calls to their answers: both transports do no more than to find the parts of a call. */
import type { Identity } from "../../pki/own_certificate.ts";
import type { OnEvent } from "../../protocol/event.ts";
import type { Signed } from "./callers.ts";

/** A host and a port; 0 is a free one. */
export interface Address {
  host: string;
  port: number;
}

/** One call, whoever carried it. */
export interface FleetCall {
  /** Such as `PullMessages`. */
  name: string;
  signed: Signed;
  body: AsyncIterable<Uint8Array>;
  /** Where it came from, for whoever is refused. */
  from: string;
  /** Aborted when the caller goes away. */
  signal: AbortSignal;
}

/** The bytes of the answer. @throws whatever `refusalOf` takes */
export type Service = (call: FleetCall) => Promise<Uint8Array<ArrayBuffer>>;

export interface TransportOptions {
  listen: Address;
  identity: Identity;
  service: Service;
  onEvent: OnEvent;
}

/** A transport that listens. */
export interface Transport extends AsyncDisposable {
  port: number;
  /** Shows another certificate from now on. */
  renew(identity: Identity): void;
}
