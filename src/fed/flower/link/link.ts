/** A way to a Flower link: bytes of a request out, bytes of the answer back. */
import { cut } from "../refused.ts";
import type { Call } from "../codec/messages.ts";
import type { FlowerIdentity } from "../identity.ts";

/**
 * Why a call failed. `unknown`: the link does not know this node, or does not take its signature. `early`: not in this state,
 * as where a node is still online from its last life. `over`: the run is. `bad`: the link refuses what was sent.
 * `away`: it did not answer, and may later.
 */
export type FailureKind = "unknown" | "early" | "over" | "bad" | "away";

const REMEDIES: Partial<Record<FailureKind, string>> = {
  unknown:
    "look at this machine's clock, and let the link's operator register node.pub if it enrols its nodes",
};

/** A call that failed. What the link says of it is made printable. */
export class LinkError extends Error {
  override readonly name = "LinkError";
  readonly kind: FailureKind;
  readonly detail: string;

  constructor(kind: FailureKind, { call, detail, cause }: { call: Call; detail: string; cause?: unknown }) {
    const remedy = REMEDIES[kind] === undefined ? "" : ` (remedy: ${REMEDIES[kind]})`;
    super(`Cannot ${call} at the Flower link: expected an answer, got ${cut(detail)}${remedy}`, { cause });
    this.kind = kind;
    this.detail = cut(detail);
  }

  /** The failure of a request that came to no answer: a certificate that is not trusted will not be trusted later. */
  static unanswered(call: Call, cause: unknown): LinkError {
    const { message, cause: deeper } = cause as Error;
    const detail = deeper instanceof Error ? `${message}: ${deeper.message}` : message;
    const final = cause instanceof RangeError || /certificate/i.test(detail);
    return new LinkError(final ? "bad" : "away", { call, detail, cause });
  }
}

/** What a link is reached with. */
export interface LinkOptions {
  identity: FlowerIdentity;
  /** PEM of the authority that the link's certificate comes from. @default those that Deno trusts */
  ca?: string;
  /** Seconds for an answer; that of an object is waited for ten times as long: a line may be slow. @default 60 */
  timeout?: number;
}

/** One transport. Disposing of it closes its connections. */
export interface Link extends Disposable {
  readonly name: "http" | "grpc";
  /** @throws {LinkError} */
  send(call: Call, body: Uint8Array<ArrayBuffer>, signal?: AbortSignal): Promise<Uint8Array>;
}
