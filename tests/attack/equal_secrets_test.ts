/** A silo between two others whose public keys give one secret: what one mask adds the other would take away. */
import { assertEquals, assertMatch, assertNotEquals, assertRejects } from "@std/assert";
import { agree, newMaskKeys } from "../../src/fed/masks/key_pair.ts";
import { Masks } from "../../src/fed/masks/mask.ts";
import { ProtocolError } from "../../src/fed/protocol/errors.ts";
import { equivalentKey } from "../testing/equivalent_key.ts";

const [own, honest] = await Promise.all([newMaskKeys(), newMaskKeys()]);
const context = { plan: "1".repeat(64), row: "2".repeat(64), roster: "3".repeat(64) };

/** The same 32 bytes with the bit that X25519 does not read. */
function highBit(publicKey: string): string {
  const bytes = Uint8Array.fromHex(publicKey);
  bytes[31] |= 0x80;
  return bytes.toHex();
}

for (const [what, relative] of [["another point", equivalentKey], ["another encoding", highBit]] as const) {
  Deno.test(`masks for one secret twice, by ${what}, are refused`, async () => {
    const { privateKey } = own;
    const publicKey = relative(honest.publicKey);
    assertNotEquals(publicKey, honest.publicKey);
    assertEquals(await agree(privateKey, publicKey), await agree(privateKey, honest.publicKey));
    const peers = [{ number: 1, publicKey: honest.publicKey }, { number: 3, publicKey }];
    const error = await assertRejects(
      () => Masks.of({ number: 2, privateKey }, { peers, context }),
      ProtocolError,
    );
    assertEquals(error.code, "not_agreed");
    assertMatch(error.message, /another secret with silo 3 than with silo 1/);
    const { publicKey: another } = await newMaskKeys();
    const masks = await Masks.of({ number: 2, privateKey }, {
      peers: [peers[0], { number: 3, publicKey: another }],
      context,
    });
    const values = new BigUint64Array(4);
    await masks.add(values, 0);
    assertNotEquals([...values], [0n, 0n, 0n, 0n]);
  });
}
