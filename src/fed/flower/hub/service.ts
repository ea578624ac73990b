/** What carries calls to their answers: both transports do no more than to find the parts of a call. */
import type { Socket } from "node:net";
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
  /** Address and port that it came from. */
  from: string;
  /** Aborted when the caller goes away. */
  signal: AbortSignal;
}

/** Gives the bytes of the answer. @throws whatever `refusalOf` takes */
export type Answering = (call: FleetCall) => Promise<Uint8Array<ArrayBuffer>>;

/** The same; `known` is told whose call it is as soon as that is certain. */
export type Service = (call: FleetCall, known: (site: string) => void) => ReturnType<Answering>;

/** Address and port of a connection's other side. */
export const whereFrom = ({ remoteAddress, remotePort }: Pick<Socket, "remoteAddress" | "remotePort">) =>
  `${remoteAddress} ${remotePort}`;
