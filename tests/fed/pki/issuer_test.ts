/** What may lie in ca.pem. */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import { issuerOf } from "../../../src/fed/pki/issuer.ts";
import { keys, nameOf, padded } from "../../testing/certificates.ts";
import { AUTHORITY, authority, silo } from "./handmade_certificates.ts";

const pem = (der: Uint8Array) =>
  `-----BEGIN CERTIFICATE-----\n${der.toBase64()}\n-----END CERTIFICATE-----\n`;

Deno.test("issuerOf takes one self-signed authority of P-256, and says what else lies in ca.pem", () => {
  const good = authority();
  assertEquals(issuerOf(pem(good)).subject, AUTHORITY.name);
  assertEquals(issuerOf(`a comment\n${pem(good)}`).subject, AUTHORITY.name);
  const other = keys();
  const cases: [string, string, string][] = [
    ["a bundle", pem(good) + pem(authority()), "2 certificates"],
    [
      "a key beside it",
      `${pem(good)}-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----`,
      "2 certificates",
    ],
    ["nothing", "", "0 certificates"],
    ["no base64", "-----BEGIN CERTIFICATE-----\n%\n-----END CERTIFICATE-----", "1 certificate"],
    ["a leaf", pem(silo({ issuer: nameOf("a") })), "one that did not sign itself"],
    ["another's signature", pem(authority({ signer: other.privateKey })), "one that did not sign itself"],
    [
      "no authority",
      pem(silo({ subject: AUTHORITY.name, key: AUTHORITY.publicKey })),
      "one that may not make certificates",
    ],
    ["another curve", pem(authority({ key: keys("secp384r1").publicKey })), "another key than one of P-256"],
    ["a byte behind it", pem(padded(good)), "1 bytes after the end"],
  ];
  for (const [what, text, got] of cases) {
    const error = assertThrows(() => issuerOf(text), ProtocolError, undefined, what);
    assertEquals(error.code, "damaged_ca");
    assertStringIncludes(error.got, got, what);
  }
});
