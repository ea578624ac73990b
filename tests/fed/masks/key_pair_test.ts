import { assert, assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { agree, newMaskKeys } from "../../../src/fed/masks/key_pair.ts";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";

/** The points of small order on Curve25519 and its twist, some also as larger encodings of themselves. */
const SMALL_ORDER = [
  "00".repeat(32),
  `01${"00".repeat(31)}`,
  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
  `ec${"ff".repeat(30)}7f`,
  `ed${"ff".repeat(30)}7f`,
  `ee${"ff".repeat(30)}7f`,
  // The highest bit is masked off.
  `${"00".repeat(31)}80`,
];

Deno.test("newMaskKeys: 32 bytes and PKCS#8 in lower-case hex, another pair each time, and both silos agree", async () => {
  const [a, b] = [await newMaskKeys(), await newMaskKeys()];
  assertMatch(a.publicKey, /^[0-9a-f]{64}$/);
  assertMatch(a.privateKey, /^302e020100300506032b656e04220420[0-9a-f]{64}$/);
  assertNotEquals([a.publicKey, a.privateKey], [b.publicKey, b.privateKey]);
  const secret = await agree(a.privateKey, b.publicKey);
  assertEquals(secret.length, 32);
  assertEquals(secret, await agree(b.privateKey, a.publicKey));
});

Deno.test("agree: gives the secret of RFC 7748, §6.1", async () => {
  const bob = "302e020100300506032b656e04220420" +
    "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
  const alice = "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a";
  const secret = "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742";
  assertEquals((await agree(bob, alice)).toHex(), secret);
});

Deno.test("agree: a public key of small order is refused by name, whoever finds it", async () => {
  const { privateKey } = await newMaskKeys();
  for (const publicKey of SMALL_ORDER) {
    const error = await assertRejects(() => agree(privateKey, publicKey), ProtocolError, publicKey);
    assertEquals(error.code, "not_agreed");
  }
});

Deno.test("agree: all zeros are refused where the platform lets them pass", async () => {
  const { privateKey, publicKey } = await newMaskKeys();
  const { deriveBits } = crypto.subtle;
  crypto.subtle.deriveBits = () => Promise.resolve(new ArrayBuffer(32));
  try {
    const error = await assertRejects(() => agree(privateKey, publicKey), ProtocolError, publicKey);
    assertEquals(error.code, "not_agreed");
  } finally {
    crypto.subtle.deriveBits = deriveBits;
  }
});

Deno.test("agree: keys that are none are refused, and the message does not show a private one", async () => {
  const { privateKey, publicKey } = await newMaskKeys();
  for (const bad of ["", "zz", publicKey.slice(2), `${publicKey}00`]) {
    const error = await assertRejects(() => agree(privateKey, bad), ProtocolError);
    assertEquals(error.code, "not_agreed");
  }
  for (const bad of ["", privateKey.slice(4), publicKey]) {
    const error = await assertRejects(() => agree(bad, publicKey), ProtocolError);
    assertEquals(error.code, "damaged_state");
    assert(bad === "" || !error.message.includes(bad));
  }
});
