/**
 * What an aggregator that keeps every byte learns of a masked update from the wire: nothing that can be told from
 * chance, but for the sum over the roster, which is exact.
 */
import { assert, assertEquals } from "@std/assert";
import { fixedPoint } from "../../src/fed/maths/masked_sum.ts";
import { FrameReader } from "../../src/fed/protocol/frame.ts";
import type { Scale } from "../../src/fed/protocol/messages.ts";
import { MASKED, runRole, withFederation } from "../testing/fake_federation.ts";
import { TINY } from "../testing/fake_trainer.ts";
import { freePort } from "../testing/free_port.ts";
import { type Liar, startLiar } from "./liar.ts";
import { listening } from "./masked_lies.ts";

const ROUNDS = 12;
const SILOS = ["a", "b", "c"];
const EXAMPLES = 96;
const BYTES = TINY.length * 8;

/** One update of a silo: what it was before it was masked, and what it was on the wire. */
interface Recorded {
  round: number;
  silo: string;
  plain: BigUint64Array<ArrayBuffer>;
  sent: BigUint64Array<ArrayBuffer>;
}

/** Reads the updates that a liar has heard, by round. */
function heardBy(liar: Liar): Map<number, BigUint64Array<ArrayBuffer>> {
  const updates = new Map<number, BigUint64Array<ArrayBuffer>>();
  for (const { method, path, bytes } of liar.said) {
    const match = /^\/v1\/rounds\/(\d+)\/update\?offset=0$/.exec(path);
    if (method !== "PUT" || match === null) continue;
    using reader = new FrameReader({ total: BYTES, offset: 0 });
    const whole = new Uint8Array(BYTES);
    for (const { offset, payload } of reader.push(bytes)) whole.set(payload, offset);
    reader.end();
    updates.set(Number(match[1]), new BigUint64Array(whole.buffer));
  }
  return updates;
}

/** Runs a masked federation with an ear before each silo. */
async function record(): Promise<Recorded[]> {
  const recorded: Recorded[] = [];
  await withFederation(async (dir) => {
    const spec = { dir, port: freePort(), rounds: ROUNDS, proposal: MASKED };
    const scales = new Map<number, Scale>();
    const deltas = new Map<string, Float32Array<ArrayBuffer>>();
    const hub = await listening(spec, {
      onEvent: (event) => void (event.type === "row" && scales.set(event.row.round, event.row.scale)),
    });
    await using ears = new AsyncDisposableStack();
    const liars = await Promise.all(SILOS.map((silo) => startLiar({ ...spec, silo, wait: 0.3 })));
    liars.forEach((liar) => ears.use(liar));
    const silos = SILOS.map((role, at) => {
      let round = 0;
      const onFault = async (name: string) => {
        if (name !== "update_written") return;
        const { buffer } = await Deno.readFile(`${dir}/state-${role}/staged/update.f32`);
        deltas.set(`${++round} ${role}`, new Float32Array(buffer));
      };
      return runRole({ ...spec, port: liars[at].port, role }, { onFault });
    });
    await Promise.all([hub.result, ...silos]);
    for (const [at, silo] of SILOS.entries()) {
      for (const [round, sent] of heardBy(liars[at])) {
        const plain = new BigUint64Array(TINY.length);
        const options = { layout: TINY, scale: scales.get(round)!, first: 0, examples: EXAMPLES, out: plain };
        fixedPoint(deltas.get(`${round} ${silo}`)!, options);
        recorded.push({ round, silo, plain, sent });
      }
    }
  });
  return recorded;
}

const sum = (parts: BigUint64Array[]) =>
  Array.from(parts[0], (_, i) => BigInt.asUintN(64, parts.reduce((all, part) => all + part[i], 0n)));

/** How far the counts of all byte values lie from equal ones, in standard deviations (Wilson and Hilferty, 1931). */
function deviationOfBytes(vectors: BigUint64Array[]): number {
  const counts = new Array(256).fill(0);
  for (const { buffer } of vectors) for (const byte of new Uint8Array(buffer)) counts[byte]++;
  const expected = counts.reduce((a, b) => a + b) / 256;
  const chi2 = counts.reduce((all, count) => all + (count - expected) ** 2 / expected, 0);
  const spread = 2 / (9 * 255);
  return ((chi2 / 255) ** (1 / 3) - (1 - spread)) / Math.sqrt(spread);
}

/** Upper tail of the normal distribution (Abramowitz and Stegun, 26.2.17): within 1e-7. */
function tail(z: number): number {
  if (z < 0) return 1 - tail(-z);
  const t = 1 / (1 + 0.2316419 * z);
  const series = t *
    (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return series * Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI);
}

/** Correlation of two lists of signed 64-bit integers. */
function correlation(x: bigint[], y: bigint[]): number {
  const centred = (list: bigint[]) => {
    const numbers = list.map((value) => Number(BigInt.asIntN(64, value)));
    const mean = numbers.reduce((a, b) => a + b) / numbers.length;
    return numbers.map((value) => value - mean);
  };
  const [a, b] = [centred(x), centred(y)];
  const dot = (u: number[], v: number[]) => u.reduce((all, value, i) => all + value * v[i], 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

Deno.test(`${ROUNDS} masked updates on the wire: uniform bytes, no correlation with the update, an exact sum`, async () => {
  // Chance alone is beyond 4/√n once in 16,000 recordings: one that is so twice is none.
  for (let recording = 1;; recording++) {
    const all = await record();
    assertEquals(all.length, ROUNDS * SILOS.length);
    for (let round = 1; round <= ROUNDS; round++) {
      const roster = all.filter((one) => one.round === round);
      assertEquals(sum(roster.map(({ sent }) => sent)), sum(roster.map(({ plain }) => plain)));
    }
    const own = all.filter(({ silo }) => silo === "b");
    const sent = own.map((one) => one.sent), plain = own.map((one) => one.plain);
    const z = deviationOfBytes(sent);
    const r = correlation(sent.flatMap((v) => [...v]), plain.flatMap((v) => [...v]));
    const least = 4 / Math.sqrt(ROUNDS * TINY.length);
    console.log(
      `bytes: p = ${tail(z).toFixed(4)}; correlation ${r.toExponential(2)}, within ${least.toExponential(2)}`,
    );
    // 7 standard deviations: chance is beyond them once in 10¹¹ recordings, what is not masked at once.
    assert(Math.abs(z) < 7, `bytes ${z} standard deviations from equal counts`);
    assert(deviationOfBytes(plain) > 100);
    if (Math.abs(r) <= least) break;
    assert(recording < 2, `correlations of ${r} in two recordings`);
  }
});
