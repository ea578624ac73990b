/**
 * Why a silo does not trust the aggregator's certificate, in words with a remedy.
 *
 * Why a second look: where Deno refuses by itself, the handshake says only “unable to verify”. What is seen here was not
 * verified and is used for nothing but the sentence; no certificate of ours is shown.
 */
import { connect } from "node:tls";
import { ProtocolError } from "../protocol/errors.ts";
import type { Issuer } from "../pki/issuer.ts";
import { judge } from "../pki/peer.ts";

/** Seconds for the second look. */
const TIMEOUT = 5;

/**
 * Connects again to look at the certificate, and says what is wrong with it. Never rejects: what cannot be found out is
 * `error` as it came.
 * @param options.error Deno's refusal
 */
export async function explainServer(
  server: URL,
  options: { ca: Issuer; host: string; error: ProtocolError },
): Promise<ProtocolError> {
  const { ca, host, error } = options;
  try {
    judge(await shownBy(host, Number(server.port || 443)), { role: "aggregator", ca, host, now: new Date() });
    return error;
  } catch (why) {
    return why instanceof ProtocolError ? why : error;
  }
}

/** The DER of the certificate that a server shows. */
function shownBy(host: string, port: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, rejectUnauthorized: false, ALPNProtocols: ["h2"] });
    const timer = setTimeout(() => socket.destroy(new Error("no answer")), TIMEOUT * 1000);
    socket.on("error", reject);
    socket.on("close", () => {
      clearTimeout(timer);
      reject(new Error("closed"));
    });
    socket.on("secureConnect", () => {
      resolve(socket.getPeerCertificate().raw);
      socket.destroy();
    });
  });
}
