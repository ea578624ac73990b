/**
 * The numbers and identities of the HTTP/2 connection both roles share.
 *
 * Why node:http2: `Deno.serve` cannot ask for a client certificate.
 */
import type { TLSSocket } from "node:tls";
import { PINNED_DENO } from "../../version.ts";
import { ProtocolError } from "../protocol/errors.ts";
import { judge, type Peer, refusedPeer, type SiloPeer, type Wanted } from "../pki/peer.ts";

/** Bytes of one stream in flight before its reader must answer. */
export const STREAM_WINDOW = 8 << 20;
/** Bytes of a whole connection in flight. */
export const SESSION_WINDOW = 32 << 20;
/** Largest HTTP/2 DATA frame asked for. */
export const MAX_FRAME = 1 << 20;
/** HTTP/2 settings of both sides. */
export const SETTINGS = { initialWindowSize: STREAM_WINDOW, maxFrameSize: MAX_FRAME } as const;

/** @throws {ProtocolError} `wrong_runtime` unless this is the pinned Deno. */
export function requirePinnedDeno(version: string = Deno.version.deno): void {
  if (version === PINNED_DENO) return;
  throw new ProtocolError("wrong_runtime", {
    expected: `Deno ${PINNED_DENO}, since 2.9.4 to 2.9.6 die when a peer closes its connection`,
    got: version,
  });
}

/** The variable of the environment whose 0 makes Deno trust every server. */
export const TLS_SWITCH = "NODE_TLS_REJECT_UNAUTHORIZED";

/** @throws {ProtocolError} `unchecked_tls` where the environment turns certificate checks off. */
export function requireCheckedTls(value: string | undefined = Deno.env.get(TLS_SWITCH)): void {
  if (value !== "0") return;
  throw new ProtocolError("unchecked_tls", {
    expected: "a Deno that checks certificates",
    got: `${TLS_SWITCH}=0 in the environment, which turns that off`,
  });
}

/**
 * Whom the peer of a connection is whose handshake is done.
 *
 * Why no resumed session: what shows then is the certificate of the handshake that the ticket comes from, which nobody
 * may have accepted, and no key is proven. No silo of ours resumes.
 * @throws {ProtocolError} as `judge`.
 */
export function peerOf(socket: TLSSocket, wanted: Wanted & { role: "silo" }): SiloPeer;
export function peerOf(socket: TLSSocket, wanted: Wanted): Peer;
export function peerOf(socket: TLSSocket, wanted: Wanted): Peer {
  if (socket.isSessionReused()) {
    throw refusedPeer(wanted.role, { expected: "a handshake of its own", got: "a resumed session" });
  }
  const raw: Uint8Array | undefined = socket.getPeerCertificate()?.raw;
  if (raw === undefined) {
    throw refusedPeer(wanted.role, { expected: "a certificate", got: "none that can be read" });
  }
  return judge(raw, wanted);
}
