/**
 * Who gets from the handshake to HTTP/2, and what is told of those who do not.
 *
 * Why in the place of HTTP/2's own listener and not before it: a connection that is refused must not become a session,
 * or a stranger's would stand for the silo that it names.
 */
import type { Http2SecureServer } from "node:http2";
import type { TLSSocket } from "node:tls";
import type { Identity } from "../pki/own_certificate.ts";
import { ProtocolError } from "../protocol/errors.ts";
import type { OnEvent } from "../protocol/event.ts";
import { issuerOf } from "../pki/issuer.ts";
import { refusedPeer, type SiloPeer } from "../pki/peer.ts";
import { wordsAtHub } from "./handshake_words.ts";
import { peerOf } from "./tls.ts";

/** A connection whose peer was judged and is good. */
export interface Judged {
  socket: TLSSocket;
  peer: SiloPeer;
}

/**
 * Puts the judge in the place where HTTP/2 takes connections over: one that is refused is closed and never gets there.
 * @returns whose connection HTTP/2 is taking over just now.
 */
export function judgeFirst(
  server: Http2SecureServer,
  { identity, now = () => new Date(), onEvent }: { identity: Identity; now?: () => Date; onEvent: OnEvent },
): () => Judged | null {
  const ca = issuerOf(identity.ca);
  const [takeOver, ...others] = server.listeners("secureConnection");
  if (takeOver === undefined || others.length > 0) {
    throw new Error("Cannot judge: expected one listener of HTTP/2");
  }
  server.removeAllListeners("secureConnection");
  let entering: Judged | null = null;
  server.on("secureConnection", (socket: TLSSocket) => {
    try {
      const peer = peerOf(socket, { role: "silo", ca, now: now() });
      if (socket.alpnProtocol !== "h2") {
        throw refusedPeer("silo", { expected: "one that speaks HTTP/2", got: "one that does not" });
      }
      entering = { socket, peer };
      takeOver.call(server, socket);
    } catch (error) {
      const peer = addressOf(socket); // which a destroyed socket has forgotten
      socket.destroy();
      onEvent({ type: "refused", peer, ...reasonOf(error) });
    } finally {
      entering = null;
    }
  });
  return () => entering;
}

/** What a refusal's event says. */
export interface Reason {
  code: string;
  expected?: string;
  got?: string;
}

/** An error as the reason of a refusal. */
export function reasonOf(error: unknown): Reason {
  if (!(error instanceof ProtocolError)) return { code: String(error) };
  const { code, expected, got } = error;
  return { code, expected, got };
}

/**
 * A TLS socket whose handshake failed; in Deno 2.9.3 only the socket below it still knows the peer, and what Deno held
 * against its certificate stands here alone.
 */
export type Refused = {
  remoteAddress?: string;
  _parent?: { remoteAddress?: string };
  authorizationError?: string | Error | null;
};

/** Why Deno refused a handshake, or what broke it. */
export function denialOf(error: Error & { code?: string }, socket?: Refused): Reason {
  const denied = socket?.authorizationError;
  if (!denied) return { code: error.code ?? error.message, ...wordsAtHub(error) };
  // Deno 2.9.3 has one code for nearly everything, and the certificate is not to be had any more.
  const expected = "a certificate of this CA for the role silo, in its time";
  return { code: String(denied), expected, got: "another one" };
}

/** The address of a peer, as far as Deno still knows it. */
export function addressOf(socket?: Refused): string {
  return socket?.remoteAddress ?? socket?._parent?.remoteAddress ?? "unknown";
}
