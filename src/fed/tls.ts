/**
 * The numbers and identities of the HTTP/2 connection both roles share.
 *
 * Why node:http2: `Deno.serve` cannot ask for a client certificate. Why one Deno version: in 2.9.4 to
 * 2.9.6 a peer's polite goodbye (GOAWAY) kills the process (denoland/deno#36788).
 */
import type { TLSSocket } from "node:tls";
import type { Peer } from "./admission.ts";
import { siloName } from "./certificate.ts";
import { ProtocolError } from "./errors.ts";

/** Bytes of one stream in flight before its reader must answer. */
export const STREAM_WINDOW = 8 << 20;
/** Bytes of a whole connection in flight. */
export const SESSION_WINDOW = 32 << 20;
/** Largest HTTP/2 DATA frame asked for. */
export const MAX_FRAME = 1 << 20;
/** HTTP/2 settings of both sides. */
export const SETTINGS = { initialWindowSize: STREAM_WINDOW, maxFrameSize: MAX_FRAME } as const;

/** The one Deno that may open network connections. */
export const PINNED_DENO = "2.9.3";

/** @throws {ProtocolError} `wrong_runtime` unless this is the pinned Deno. */
export function requirePinnedDeno(version: string = Deno.version.deno): void {
  if (version === PINNED_DENO) return;
  throw new ProtocolError("wrong_runtime", {
    expected: `Deno ${PINNED_DENO}, since 2.9.4 to 2.9.6 die when a peer closes its connection`,
    got: version,
  });
}

/** Whom the peer's certificate names, or null; the certificate was verified in the handshake. */
export function peerOf(socket: unknown): Peer | null {
  const certificate = (socket as Partial<TLSSocket>).getPeerCertificate?.();
  const silo = siloName(certificate?.subjectaltname);
  return silo === null ? null : { silo, serial: certificate!.serialNumber.toLowerCase() };
}
