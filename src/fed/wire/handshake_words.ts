/**
 * Why a TLS handshake failed, in words.
 *
 * Why a table: what Deno and OpenSSL say (`ERR_SSL_WRONG_VERSION_NUMBER`) names a line of their source, not what the
 * operator should look at. It stays beside the words, for whoever searches for it.
 */

/** Where the other side's words are no help, and what is said instead. */
interface Words {
  /** As the reason is written by Deno 2.9.3, by OpenSSL, and in an alert of the peer. */
  reason: RegExp;
  /** What an aggregator expects of whoever connects, and what it got. */
  atHub: { expected: string; got: string };
  /** What a silo finds where it connects; absent where `Connection` looks closer. */
  atSilo?: string;
}

const WORDS: readonly Words[] = [
  {
    reason: /corrupt message|WRONG_VERSION_NUMBER|HTTP_REQUEST|HTTPS_PROXY|UNEXPECTED_MESSAGE|RECORD/i,
    atHub: { expected: "TLS", got: "another protocol: no silo of fedx" },
    atSilo: "what listens there does not speak TLS: it is no aggregator of fedx, or a proxy stands before it",
  },
  {
    reason: /NO_?APPLICATION_?PROTOCOL/i,
    atHub: { expected: "HTTP/2", got: "an offer without it: no silo of fedx" },
    atSilo:
      "what listens there does not speak HTTP/2: it is no aggregator of fedx, or a proxy stands before it",
  },
  {
    reason: /PROTOCOL_?VERSION|HANDSHAKE_?FAILURE|UNSUPPORTED_PROTOCOL|NO_SHARED_CIPHER|VERSION_TOO_LOW/i,
    atHub: { expected: "TLS 1.3", got: "an older version or other ciphers: no silo of fedx" },
    atSilo:
      "what listens there does not speak TLS 1.3: it is no aggregator of fedx, or a proxy stands before it",
  },
  {
    reason: /DID_NOT_RETURN_A_CERTIFICATE|CERTIFICATE_?REQUIRED/i,
    atHub: {
      expected: "a certificate",
      got: "none: no silo of fedx, or one that looks why it trusts no more",
    },
  },
  {
    reason: /ALERT_?UNKNOWN_?CA|UnknownCA/i,
    atHub: {
      expected: "a silo with this federation's ca.pem",
      got: "one that does not know the CA of this certificate",
    },
  },
  {
    reason: /ALERT_?CERTIFICATE_?EXPIRED|CertificateExpired/i,
    atHub: {
      expected: "to be trusted",
      got: "a silo that takes this certificate for expired (or its clock is wrong)",
    },
  },
  {
    reason: /ALERT_?(BAD_?CERTIFICATE|CERTIFICATE_?UNKNOWN|ACCESS_?DENIED|DECRYPT_?ERROR)/i,
    atHub: { expected: "to be trusted", got: "somebody who does not take this certificate" },
  },
  {
    reason: /ECONNRESET|EPIPE|handshake eof|disconnected before secure|closed the connection/i,
    atHub: { expected: "a whole handshake", got: "a connection that was closed in it" },
    atSilo:
      "the connection was closed in the TLS handshake: by the aggregator, or by a proxy or firewall before it",
  },
];

const textOf = ({ code, message }: { code?: string; message: string }) => `${code ?? ""} ${message}`;

/** What an aggregator says of a handshake that failed. */
export function wordsAtHub(error: { code?: string; message: string }): { expected: string; got: string } {
  const found = WORDS.find(({ reason }) => reason.test(textOf(error)));
  return found?.atHub ?? { expected: "a whole handshake", got: "one that failed" };
}

/** What a silo says of it; the reason itself where there are no words. */
export function wordsAtSilo(error: { code?: string; message: string }): string {
  const found = WORDS.find(({ reason }) => reason.test(textOf(error)));
  if (found?.atSilo !== undefined) return found.atSilo;
  return /SSL|alert/i.test(textOf(error)) ? `the TLS handshake failed (${error.message})` : error.message;
}

/** What Deno holds against the certificate of a server, where a second look found nothing. */
export function wordsOfServer({ message }: { message: string }): string {
  if (/UnknownIssuer|UNABLE_TO|SELF_SIGNED|UnknownCA/i.test(message)) return "one of another CA";
  if (/NotValidForName|ALTNAME/i.test(message)) return "one for other hosts";
  if (/Expired|NotValidYet|CERT_HAS_EXPIRED|NOT_YET_VALID/i.test(message)) {
    return "one that is not good at this time";
  }
  return `one that does not pass (${message})`;
}
