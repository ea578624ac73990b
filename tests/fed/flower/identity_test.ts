import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import { FlowerIdentity } from "../../../src/fed/flower/identity.ts";

const pemOf = (namedCurve: string) =>
  String(generateKeyPairSync("ec", { namedCurve }).privateKey.export({ type: "pkcs8", format: "pem" }));

Deno.test("a signature is of the time as Python reads it, good for a minute, and the link can check it", () => {
  let now = new Date("2026-11-29T12:00:00.250Z");
  const identity = new FlowerIdentity(FlowerIdentity.generate(), { now: () => now });
  const signed = identity.sign();
  assertEquals(signed.timestamp, "2026-11-29T12:00:00.250+00:00");
  const key = createPublicKey(Buffer.from(signed.publicKey));
  assert(verify("sha256", Buffer.from(signed.timestamp), key, signed.signature));
  now = new Date("2026-11-29T12:00:59Z");
  assertEquals(identity.sign(), signed);
  now = new Date("2026-11-29T12:01:01Z");
  assertNotEquals(identity.sign().timestamp, signed.timestamp);
});

Deno.test("the line for OpenSSH names the curve and holds the point that the public key ends with", () => {
  for (const [curve, name, bytes] of [["P-384", "nistp384", 97], ["P-256", "nistp256", 65]] as const) {
    const identity = new FlowerIdentity(pemOf(curve));
    const [kind, base64] = identity.sshLine.split(" ");
    assertEquals(kind, `ecdsa-sha2-${name}`);
    const parts: Buffer[] = [];
    for (let rest = Buffer.from(base64, "base64"); rest.length > 0;) {
      const length = rest.readUInt32BE();
      parts.push(rest.subarray(4, 4 + length));
      rest = rest.subarray(4 + length);
    }
    assertEquals(parts.slice(0, 2).map(String), [kind, name]);
    const der = createPublicKey(Buffer.from(identity.publicKey)).export({ type: "spki", format: "der" });
    assertEquals(parts[2], Buffer.from(der.subarray(-bytes)));
  }
});

Deno.test("other keys are refused with what is wanted", () => {
  const rsa = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" });
  for (const [pem, got] of [["x", "none"], [String(rsa), "ed25519"], [pemOf("P-521"), "P-521"]]) {
    assertThrows(() => new FlowerIdentity(pem), SyntaxError, "expected an EC private key on P-384, PEM, got");
    assertThrows(() => new FlowerIdentity(pem), SyntaxError, got);
  }
});
