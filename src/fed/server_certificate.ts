/**
 * Why a silo does not trust the aggregator's certificate, in words with a remedy.
 *
 * Why a second look: the handshake says only “unable to verify”. What is seen here was not verified and is used for
 * nothing but the sentence; no certificate of ours is shown.
 */
import { connect } from "node:tls";
import type * as x509 from "@peculiar/x509";
import { EKU, library } from "./x509.ts";

/** Seconds for the second look. */
const TIMEOUT = 5;

/** Both values and the remedy, as `ProtocolError` takes them. */
export interface Explanation {
  expected: string;
  got: string;
  remedy?: string;
}

/**
 * Connects again to look at the certificate. Never rejects: what cannot be found out is told as `fallback`.
 * @param options.ca the CA that is trusted, PEM
 */
export async function explainServer(
  server: URL,
  options: { ca: string; fallback: string },
): Promise<Explanation> {
  const host = server.hostname.replace(/^\[|\]$/g, "");
  const expected = `a certificate of this CA for ${host}`;
  try {
    const lib = await library();
    const raw = await shownBy(host, Number(server.port || 443));
    const ca = new lib.X509Certificate(options.ca);
    return await explain(new lib.X509Certificate(new Uint8Array(raw)), { lib, ca, host, now: new Date() }) ??
      { expected, got: options.fallback };
  } catch {
    return { expected, got: options.fallback };
  }
}

/** The first fault of a server's certificate; null for one that has none. */
export async function explain(
  cert: x509.X509Certificate,
  options: { lib: typeof x509; ca: x509.X509Certificate; host: string; now: Date },
): Promise<Explanation | null> {
  const { lib, ca, host, now } = options;
  const own = await cert.verify({ publicKey: ca.publicKey, signatureOnly: true }).catch(() => false);
  if (!own) {
    return {
      expected: `a certificate of this CA (${ca.subject})`,
      got: `one issued by ${cert.issuer.slice(0, 80)}`,
      remedy: "use the ca.pem of the CA that issued it, if the aggregator's operator confirms that CA",
    };
  }
  const clock = "set this machine's clock if it is wrong";
  const { notBefore, notAfter } = cert;
  if (now > notAfter) {
    return {
      expected: `a certificate that is good on ${now.toISOString()}`,
      got: `one that expired on ${notAfter.toISOString()}`,
      remedy: `have the aggregator's operator get another (fedx ca request, fedx ca sign), or ${clock}`,
    };
  }
  if (now < notBefore) {
    return {
      expected: `a certificate that is good on ${now.toISOString()}`,
      got: `one that is good from ${notBefore.toISOString()} on`,
      remedy: clock,
    };
  }
  const usages = cert.getExtension(lib.ExtendedKeyUsageExtension)?.usages.map(String) ?? [];
  if (!usages.includes(EKU.aggregator)) {
    return {
      expected: "a certificate of the role aggregator",
      got: usages.includes(EKU.silo) ? "a silo's" : "another role's",
      remedy: "have the aggregator's operator look at its --tls: another process may be answering here",
    };
  }
  return wrongHost(cert, lib, host);
}

function wrongHost(cert: x509.X509Certificate, lib: typeof x509, host: string): Explanation | null {
  const names = cert.getExtension(lib.SubjectAlternativeNameExtension)?.names.toJSON() ?? [];
  const hosts = names.map((name) => name.value);
  if (hosts.some((name) => name.toLowerCase() === host.toLowerCase())) return null;
  return {
    expected: `a certificate for ${host}`,
    got: `one for ${hosts.join(", ").slice(0, 200)}`,
    remedy: `connect to a host that it names, or have it made again with --host ${host}`,
  };
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
      resolve(socket.getPeerCertificate(true).raw);
      socket.destroy();
    });
  });
}
