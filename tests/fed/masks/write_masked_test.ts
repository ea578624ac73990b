import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { digest } from "../../../src/files/digest.ts";
import { writeMasked } from "../../../src/fed/masks/write_masked.ts";
import { ProtocolError } from "../../../src/fed/protocol/errors.ts";
import { inFolder } from "../../testing/folder.ts";
import {
  CONTEXT,
  golden,
  goldenDelta,
  LAYOUT,
  layoutOfTwo,
  maskedUpdate,
  peersOf,
  rowContext,
  SCALE,
} from "../../testing/masked_updates.ts";

const DELTA = goldenDelta(1);
const OPTIONS = {
  layout: LAYOUT,
  scale: SCALE,
  examples: 1500,
  number: golden.numbers[1],
  privateKey: golden.privateKeys[1],
  peers: peersOf(1),
  context: CONTEXT,
};

async function namesIn(dir: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(dir), ({ name }) => name)).sort();
}

Deno.test("writeMasked: the file is private, whole, its user's alone, and the same again after a restart", async () => {
  await inFolder(async (dir) => {
    const out = `${dir}/y`;
    await Deno.writeFile(`${dir}/delta`, new Uint8Array(DELTA.buffer));
    await Deno.writeTextFile(`${out}.partial`, "what a kill left behind");
    let writing = true;
    const written = writeMasked({ ...OPTIONS, delta: `${dir}/delta`, out }).finally(() => writing = false);
    const seen = new Set<string>();
    while (writing) {
      const names = await namesIn(dir);
      seen.add(names.join());
      if (names.includes("y")) {
        assertEquals((await Deno.stat(out)).size, 8 * LAYOUT.length, "no part has the name");
      }
    }
    assert(seen.has("delta,y.partial"), `looked while it was written, saw ${[...seen]}`);
    const first = await written;
    assertEquals(await namesIn(dir), ["delta", "y"]);
    assertEquals((await Deno.stat(out)).mode! & 0o777, 0o600);
    assertEquals(digest(await Deno.readFile(out)), first.sha256);
    assertEquals(first.delta, digest(DELTA));
    assertEquals(await writeMasked({ ...OPTIONS, delta: `${dir}/delta`, out }), first);
  });
});

Deno.test("writeMasked: another plan, row, roster, key or set of peers gives another y", async () => {
  await inFolder(async (dir) => {
    const layout = layoutOfTwo(5, 9), delta = new Float32Array(9).fill(1e-3), out = `${dir}/y`;
    const other = "0".repeat(64);
    const cases = [
      {},
      { context: rowContext(7) },
      { context: { ...CONTEXT, plan: other } },
      { context: { ...CONTEXT, roster: other } },
      { privateKey: golden.otherKey.privateKey },
      { members: [0, 1, 2] },
      { members: [1] },
    ];
    const seen = new Set<string>();
    for (const one of cases) seen.add((await maskedUpdate(1, { delta, out, layout, ...one })).sha256);
    assertEquals(seen.size, cases.length);
  });
});

Deno.test("writeMasked: NaN, Inf and values out of range are refused naming the tensor, and nothing is left", async () => {
  const cases: [number, number, string][] = [
    [0, NaN, "a.weight, got NaN"],
    [LAYOUT.weights - 1, -Infinity, "a.weight, got -Infinity"],
    [LAYOUT.weights - 1, 1024, "below 1024 in a.weight"],
    [LAYOUT.length - 1, -(2 ** 22), "below 4194304 in b.running_mean"],
  ];
  for (const [at, value, text] of cases) {
    await inFolder(async (dir) => {
      const delta = DELTA.slice();
      delta[at] = value;
      const error = await assertRejects(
        () => maskedUpdate(1, { delta, out: `${dir}/y` }),
        ProtocolError,
        text,
      );
      assertEquals(error.code, "out_of_range");
      assertEquals(await namesIn(dir), ["y.delta"]);
    });
  }
});

Deno.test("writeMasked: an update of another size, a number twice, a key of small order: refused, nothing is left", async () => {
  await inFolder(async (dir) => {
    const delta = `${dir}/delta`, out = `${dir}/y`;
    await Deno.writeFile(delta, new Uint8Array(DELTA.buffer));
    const write = (change: Partial<Parameters<typeof writeMasked>[0]>) => () =>
      writeMasked({ ...OPTIONS, delta, out, ...change });
    const layout = layoutOfTwo(4, 8);
    const damaged = await assertRejects(write({ layout }), ProtocolError, "the update of 32 bytes");
    assertEquals(damaged.code, "damaged_state");
    await assertRejects(write({ delta: `${dir}/none` }), ProtocolError, "got no file");
    await assertRejects(write({ number: golden.numbers[0] }), RangeError, "a number each");
    await assertRejects(write({ examples: 2 ** 21 }), RangeError, "exponent");
    const small = [{ number: 1, publicKey: "00".repeat(32) }];
    const refused = await assertRejects(write({ peers: small }), ProtocolError);
    assertEquals(refused.code, "not_agreed");
    assertEquals(await namesIn(dir), ["delta"]);
  });
});

Deno.test("writeMasked: what is there under the name is kept where the new one fails", async () => {
  await inFolder(async (dir) => {
    const { sha256 } = await maskedUpdate(1, { delta: DELTA, out: `${dir}/y` });
    const delta = DELTA.slice();
    delta[LAYOUT.length - 1] = NaN;
    await assertRejects(() => maskedUpdate(1, { delta, out: `${dir}/y` }), ProtocolError);
    assertEquals(digest(await Deno.readFile(`${dir}/y`)), sha256);
    const plain = await maskedUpdate(1, { delta: DELTA, out: `${dir}/y`, members: [1] });
    assertNotEquals(plain.sha256, sha256);
  });
});
