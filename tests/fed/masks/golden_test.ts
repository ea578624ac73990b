/** Against tests/golden/masks.py, which makes the same in Python from the same private keys. */
import { assertEquals, assertNotEquals } from "@std/assert";
import { digest } from "../../../src/files/digest.ts";
import { Masks, STRETCH } from "../../../src/fed/masks/mask.ts";
import { rosterDigest } from "../../../src/fed/masks/roster_digest.ts";
import { inFolder } from "../../testing/folder.ts";
import {
  CONTEXT,
  golden,
  goldenDelta,
  LAYOUT,
  maskedUpdate,
  peersOf,
  READIES,
} from "../../testing/masked_updates.ts";

const firstOf = (y: BigUint64Array) => new Uint8Array(y.buffer as ArrayBuffer, 0, 32).toHex();

Deno.test("rosterDigest: Python's, and another for another order, nonce, count or member", () => {
  assertEquals(rosterDigest(READIES), golden.rosterDigest);
  const [first, ...rest] = READIES;
  const others = [
    READIES.toReversed(),
    rest,
    [{ ...first, nonce: "0".repeat(32) }, ...rest],
    [{ ...first, examples: first.examples + 1 }, ...rest],
  ];
  const digests = others.map((readies) => rosterDigest(readies));
  assertEquals(new Set([golden.rosterDigest, ...digests]).size, 5);
});

Deno.test("Masks: the stream of two silos is Python's over several stretches; one adds it, the other takes it away", async () => {
  const masksOf = (own: number, other: number) =>
    Masks.of({ number: golden.numbers[own], privateKey: golden.privateKeys[own] }, {
      peers: peersOf(own, [own, other]),
      context: CONTEXT,
    });
  const [adds, takes] = [await masksOf(0, 1), await masksOf(1, 0)];
  const stream = new BigUint64Array(LAYOUT.length);
  for (let first = 0; first < LAYOUT.length; first += STRETCH) {
    await adds.add(stream.subarray(first, Math.min(first + STRETCH, LAYOUT.length)), first);
  }
  assertEquals(firstOf(stream), golden.mask.first);
  assertEquals(digest(stream), golden.mask.sha256);
  for (let first = 0; first < LAYOUT.length; first += 1 << 10) {
    await takes.add(stream.subarray(first, Math.min(first + (1 << 10), LAYOUT.length)), first);
  }
  assertEquals(stream, new BigUint64Array(LAYOUT.length));
});

Deno.test("writeMasked: every y is Python's, that of a silo without steps too; with another private key it differs", async () => {
  await inFolder(async (dir) => {
    for (const [k, expected] of golden.ys.entries()) {
      const delta = golden.deltas[k] === null ? null : goldenDelta(k);
      const { sha256, delta: read, y } = await maskedUpdate(k, { delta, out: `${dir}/${k}` });
      assertEquals(read, golden.deltas[k]);
      assertEquals(firstOf(y), expected.first);
      assertEquals([sha256, digest(y)], [expected.sha256, expected.sha256]);
    }
    const { privateKey, sha256 } = golden.otherKey;
    const other = await maskedUpdate(0, { delta: goldenDelta(0), out: `${dir}/other`, privateKey });
    assertEquals(other.sha256, sha256);
    assertNotEquals(other.sha256, golden.ys[0].sha256);
  });
});
