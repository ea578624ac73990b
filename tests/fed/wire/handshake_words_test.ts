import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { wordsAtHub, wordsAtSilo, wordsOfServer } from "../../../src/fed/wire/handshake_words.ts";

/** What Deno 2.9.3 gave for peers of each kind, at the hub. */
const AT_HUB: [code: string, got: string][] = [
  ["ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE", "none"],
  ["ERR_SSL_WRONG_VERSION_NUMBER", "another protocol"],
  ["ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE", "an older version"],
  ["ERR_SSL_TLSV1_ALERT_UNKNOWN_CA", "does not know the CA"],
  ["ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED", "for expired"],
  ["ECONNRESET", "closed"],
  ["ERR_SSL_SOMETHING_NEW", "one that failed"],
];

/** The same at a silo. */
const AT_SILO: [message: string, text: string][] = [
  [
    "received corrupt message of type InvalidContentType (SSL routines:ssl3_get_record)",
    "does not speak TLS:",
  ],
  ["received fatal alert: ProtocolVersion", "does not speak TLS 1.3"],
  ["received fatal alert: NoApplicationProtocol", "does not speak HTTP/2"],
  ["Client network socket disconnected before secure TLS connection was established", "a proxy or firewall"],
  ["received fatal alert: InternalError", "the TLS handshake failed (received fatal alert: InternalError)"],
  ["connect ECONNREFUSED 127.0.0.1:1", "connect ECONNREFUSED 127.0.0.1:1"],
];

Deno.test("a failed handshake is told in words, not in names of OpenSSL", () => {
  for (const [code, text] of AT_HUB) {
    const { expected, got } = wordsAtHub({ code, message: "x" });
    assertStringIncludes(got, text);
    assert(!/SSL|ALERT/.test(expected + got), code);
  }
  for (const [message, text] of AT_SILO) assertStringIncludes(wordsAtSilo({ message }), text);
});

Deno.test("what Deno holds against a server's certificate is told in words", () => {
  const said = (message: string) => wordsOfServer({ message });
  assertEquals(said("invalid peer certificate: UnknownIssuer"), "one of another CA");
  assertEquals(
    said("unable to verify the first certificate UNABLE_TO_VERIFY_LEAF_SIGNATURE"),
    "one of another CA",
  );
  assertEquals(said("invalid peer certificate: NotValidForName"), "one for other hosts");
  assertEquals(said("invalid peer certificate: Expired"), "one that is not good at this time");
});
