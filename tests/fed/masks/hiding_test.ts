/**
 * What a mask hides: to whoever lacks the private keys a masked update looks like noise. The keys and the changes are
 * fixed (tests/golden/masks.json), so that the tests mean the same each time.
 */
import { assert, assertEquals } from "@std/assert";
import { addModular, fixedPoint, subtractModular } from "../../../src/fed/maths/masked_sum.ts";
import { Masks, STRETCH } from "../../../src/fed/masks/mask.ts";
import { inFolder } from "../../testing/folder.ts";
import {
  golden,
  layoutOfTwo,
  maskedUpdate,
  peersOf,
  rowContext,
  SCALE,
} from "../../testing/masked_updates.ts";
import { seeded } from "../../testing/random.ts";

const LAYOUT = layoutOfTwo(90_000, 100_000), COUNT = LAYOUT.length;
const MEMBERS = [0, 1, 2, 3], ROWS = [1, 2, 3];
/** Quantiles .001 and .999 of χ² with 255 degrees of freedom. */
const LOW = 190.9, HIGH = 330.5;
const MOST_CORRELATED = 4 / Math.sqrt(COUNT);

/** χ² of how often each value of a byte comes in all of the updates against how often it should. */
function byteChiSquare(updates: readonly BigUint64Array[]): number {
  const counts = new Array(256).fill(0);
  for (const { buffer } of updates) for (const byte of new Uint8Array(buffer)) counts[byte]++;
  const expected = updates.length * COUNT * 8 / 256;
  return counts.reduce((sum, got) => sum + (got - expected) ** 2 / expected, 0);
}

function assertUniform(updates: readonly BigUint64Array[]): void {
  const chiSquare = byteChiSquare(updates);
  assert(chiSquare > LOW && chiSquare < HIGH, `χ² ${chiSquare}`);
}

/** Pearson's r of the values, as signed integers, and the update. */
function correlation(values: BigUint64Array, delta: Float32Array): number {
  const xs = Float64Array.from(new BigInt64Array(values.buffer), Number);
  const mean = (of: ArrayLike<number>) =>
    Array.prototype.reduce.call(of, (a, b) => a + b, 0) as number / COUNT;
  const [mx, my] = [mean(xs), mean(delta)];
  let xy = 0, xx = 0, yy = 0;
  for (let i = 0; i < COUNT; i++) {
    const [x, y] = [xs[i] - mx, delta[i] - my];
    xy += x * y;
    xx += x * x;
    yy += y * y;
  }
  return xy / Math.sqrt(xx * yy);
}

/** An update as training gives them: most values small, all different. */
function deltaOf(k: number, row: number): Float32Array<ArrayBuffer> {
  const random = seeded(100 * row + k);
  return Float32Array.from({ length: COUNT }, () => (random() + random() + random() - 1.5) * 1e-2);
}

function plainOf(k: number, delta: Float32Array): BigUint64Array<ArrayBuffer> {
  const out = new BigUint64Array(COUNT);
  fixedPoint(delta, { layout: LAYOUT, scale: SCALE, first: 0, examples: golden.examples[k], out });
  return out;
}

/** Every member's masked update of a row. */
async function rowOf(row: number, dir: string) {
  return await Promise.all(MEMBERS.map(async (k) => {
    const delta = deltaOf(k, row);
    const options = { delta, out: `${dir}/${row}-${k}`, layout: LAYOUT, context: rowContext(row) };
    return { delta, y: (await maskedUpdate(k, options)).y };
  }));
}

Deno.test("masks: the bytes of twelve updates are uniform, none is like its update, and a row's sum is the plain sum", async () => {
  await inFolder(async (dir) => {
    const seen: BigUint64Array[] = [];
    for (const row of ROWS) {
      const sum = new BigUint64Array(COUNT), plain = new BigUint64Array(COUNT);
      for (const [k, { delta, y }] of (await rowOf(row, dir)).entries()) {
        seen.push(y);
        const r = correlation(y, delta);
        assert(Math.abs(r) <= MOST_CORRELATED, `row ${row}, silo ${k}: r ${r}`);
        addModular(sum, y);
        addModular(plain, plainOf(k, delta));
      }
      assertEquals(sum, plain);
    }
    assertUniform(seen);
  });
});

Deno.test("masks: the same measures tell an unmasked update, and two rows that were masked alike", async () => {
  const delta = deltaOf(1, 1), plain = plainOf(1, delta);
  assert(byteChiSquare([plain]) > HIGH);
  assert(correlation(plain, delta) > 0.9);
  await inFolder(async (dir) => {
    const write = (delta: Float32Array<ArrayBuffer>, row: number) =>
      maskedUpdate(1, { delta, out: `${dir}/${row}`, layout: LAYOUT, context: rowContext(row) });
    const first = await write(delta, 1),
      other = await write(deltaOf(1, 2), 1),
      next = await write(deltaOf(1, 2), 2);
    const difference = (from: BigUint64Array<ArrayBuffer>) => {
      const values = first.y.slice();
      subtractModular(values, from);
      return values;
    };
    assert(byteChiSquare([difference(other.y)]) > HIGH);
    assertUniform([difference(next.y)]);
  });
});

Deno.test("masks: of four silos two that pool their keys learn the sum of the other two, and neither of them", async () => {
  const honest = [0, 2], colluding = [1, 3];
  const residues: BigUint64Array<ArrayBuffer>[] = [];
  await inFolder(async (dir) => {
    for (const row of ROWS) {
      const context = rowContext(row), updates = await rowOf(row, dir);
      for (const c of colluding) {
        for (const h of honest) {
          const masks = await Masks.of({ number: golden.numbers[c], privateKey: golden.privateKeys[c] }, {
            peers: peersOf(c, [c, h]),
            context,
          });
          // What c adds, h takes away: with it h is masked for the other honest silo alone.
          for (let first = 0; first < COUNT; first += STRETCH) {
            await masks.add(updates[h].y.subarray(first, Math.min(first + STRETCH, COUNT)), first);
          }
        }
      }
      const sum = new BigUint64Array(COUNT), plain = new BigUint64Array(COUNT);
      for (const h of honest) {
        const { y, delta } = updates[h];
        residues.push(y);
        assert(Math.abs(correlation(y, delta)) <= MOST_CORRELATED);
        addModular(sum, y);
        addModular(plain, plainOf(h, delta));
      }
      assertEquals(sum, plain);
    }
  });
  assertUniform(residues);
});
